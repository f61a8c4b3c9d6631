"""The names of China's provinces by the first two digits of a region's code (GB/T 2260), in English; see `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.portal.texts import N_, Texts

PROVINCES: Final[Mapping[str, str]] = {
    "11": N_("Beijing"),
    "12": N_("Tianjin"),
    "13": N_("Hebei"),
    "14": N_("Shanxi"),
    "15": N_("Inner Mongolia"),
    "21": N_("Liaoning"),
    "22": N_("Jilin"),
    "23": N_("Heilongjiang"),
    "31": N_("Shanghai"),
    "32": N_("Jiangsu"),
    "33": N_("Zhejiang"),
    "34": N_("Anhui"),
    "35": N_("Fujian"),
    "36": N_("Jiangxi"),
    "37": N_("Shandong"),
    "41": N_("Henan"),
    "42": N_("Hubei"),
    "43": N_("Hunan"),
    "44": N_("Guangdong"),
    "45": N_("Guangxi"),
    "46": N_("Hainan"),
    "50": N_("Chongqing"),
    "51": N_("Sichuan"),
    "52": N_("Guizhou"),
    "53": N_("Yunnan"),
    "54": N_("Tibet"),
    "61": N_("Shaanxi"),
    "62": N_("Gansu"),
    "63": N_("Qinghai"),
    "64": N_("Ningxia"),
    "65": N_("Xinjiang"),
    "71": N_("Taiwan"),
    "81": N_("Hong Kong"),
    "82": N_("Macao"),
}


def region_name(texts: Texts, code: str) -> str:
    """The province, and the code where it says more than that; the code alone where no province has it."""
    province = PROVINCES.get(code[:2])
    if province is None:
        return code
    name = texts.gettext(province)
    return name if code[2:] == "0000" else f"{name} ({code})"
