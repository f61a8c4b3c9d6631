"""Codes that customs writes: currencies with their minor units, and countries, ISO today and numeric before August 2018.

Sources. Digits of the minor unit: ISO 4217 list one. Countries: ISO 3166-1 alpha-3. Old numeric codes: the parameter tables of
China customs for currencies and for countries (regions) that its 2018 announcement no. 67 replaced by the ISO codes. Of the old
currencies only those are here that are known beyond doubt: a refusal is mended in a minute, an amount in the wrong currency is
not. Old country codes that stood for a continent, for no country, or for one that no longer exists are left out likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.errors import InputError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> Mapping[str, str]:
    words = text.split()
    return MappingProxyType(dict(zip(words[::2], words[1::2], strict=True)))


CURRENCY_DIGITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        code: int(digits)
        for code, digits in _pairs(
            """
        AED 2 AUD 2 BHD 3 BRL 2 CAD 2 CHF 2 CNY 2 DKK 2 EUR 2 GBP 2 HKD 2 IDR 2 INR 2 JPY 0 KRW 0 KWD 3 MOP 2
        MXN 2 MYR 2 NOK 2 NZD 2 PHP 2 PLN 2 RUB 2 SAR 2 SEK 2 SGD 2 THB 2 TRY 2 TWD 2 USD 2 VND 0 ZAR 2
        """
        ).items()
    }
)
"""Digits of the minor unit of every currency that a declaration may be in."""

OLD_CURRENCIES: Final[Mapping[str, str]] = _pairs(
    """
    110 HKD 116 JPY 132 SGD 133 KRW 142 CNY 300 EUR 303 GBP 331 CHF 501 CAD 502 USD 601 AUD 609 NZD
    """
)

COUNTRIES: Final[frozenset[str]] = _words(
    """
    ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM BLR BLZ
    BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU
    DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC
    GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM
    KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG
    MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL
    PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN
    SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB
    VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE
    """
)

OLD_COUNTRIES: Final[Mapping[str, str]] = _pairs(
    """
    101 AFG 102 BHR 103 BGD 104 BTN 105 BRN 106 MMR 107 KHM 108 CYP 109 PRK 110 HKG 111 IND 112 IDN 113 IRN 114 IRQ 115 ISR 116 JPN
    117 JOR 118 KWT 119 LAO 120 LBN 121 MAC 122 MYS 123 MDV 124 MNG 125 NPL 126 OMN 127 PAK 128 PSE 129 PHL 130 QAT 131 SAU 132 SGP
    133 KOR 134 LKA 135 SYR 136 THA 137 TUR 138 ARE 139 YEM 141 VNM 142 CHN 143 TWN 144 TLS 145 KAZ 146 KGZ 147 TJK 148 TKM 149 UZB
    201 DZA 202 AGO 203 BEN 204 BWA 205 BDI 206 CMR 208 CPV 209 CAF 211 TCD 212 COM 213 COG 214 DJI 215 EGY 216 GNQ 217 ETH 218 GAB
    219 GMB 220 GHA 221 GIN 222 GNB 223 CIV 224 KEN 225 LBR 226 LBY 227 MDG 228 MWI 229 MLI 230 MRT 231 MUS 232 MAR 233 MOZ 234 NAM
    235 NER 236 NGA 237 REU 238 RWA 239 STP 240 SEN 241 SYC 242 SLE 243 SOM 244 ZAF 245 ESH 246 SDN 247 TZA 248 TGO 249 TUN 250 UGA
    251 BFA 252 COD 253 ZMB 254 ZWE 255 LSO 257 SWZ 258 ERI 259 MYT 301 BEL 302 DNK 303 GBR 304 DEU 305 FRA 306 IRL 307 ITA 308 LUX
    309 NLD 310 GRC 311 PRT 312 ESP 313 ALB 314 AND 315 AUT 316 BGR 318 FIN 320 GIB 321 HUN 322 ISL 323 LIE 324 MLT 325 MCO 326 NOR
    327 POL 328 ROU 329 SMR 330 SWE 331 CHE 334 EST 335 LVA 336 LTU 337 GEO 338 ARM 339 AZE 340 BLR 343 MDA 344 RUS 347 UKR 350 SVN
    351 HRV 352 CZE 353 SVK 354 MKD 355 BIH 356 VAT 401 ATG 402 ARG 403 ABW 404 BHS 405 BRB 406 BLZ 408 BOL 410 BRA 411 CYM 412 CHL
    413 COL 414 DMA 415 CRI 416 CUB 417 CUW 418 DOM 419 ECU 420 GUF 421 GRD 422 GLP 423 GTM 424 GUY 425 HTI 426 HND 427 JAM 428 MTQ
    429 MEX 430 MSR 431 NIC 432 PAN 433 PRY 434 PER 435 PRI 437 LCA 439 VCT 440 SLV 441 SUR 442 TTO 443 TCA 444 URY 445 VEN 446 VGB
    447 KNA 448 SPM 501 CAN 502 USA 503 GRL 504 BMU 601 AUS 602 COK 603 FJI 606 NRU 608 VUT 609 NZL 610 NFK 611 PNG 613 SLB 614 TON
    617 WSM 618 KIR 619 TUV 620 FSM 621 MHL 622 PLW 623 PYF 625 WLF
    """
)


def currency_of(text: str) -> str:
    """The ISO 4217 code of what customs wrote, old or new. Raises `InputError` (`currency-unknown`)."""
    code = OLD_CURRENCIES.get(text, text.upper())
    if code not in CURRENCY_DIGITS:
        raise InputError("currency-unknown", "the currency code is not one that this registry knows")
    return code


def country_of(text: str) -> str:
    """The ISO 3166-1 alpha-3 code of what customs wrote, old or new. Raises `InputError` (`country-unknown`)."""
    code = OLD_COUNTRIES.get(text, text.upper())
    if code not in COUNTRIES:
        raise InputError("country-unknown", "the country code is neither ISO 3166 alpha-3 nor one of customs' old numeric codes")
    return code


def digits_of(currency: str) -> int:
    """How many decimal places the minor unit of an ISO 4217 currency has. Raises `InputError` (`currency-unknown`)."""
    if currency not in CURRENCY_DIGITS:
        raise InputError("currency-unknown", "the currency is not an ISO 4217 code that this registry knows")
    return CURRENCY_DIGITS[currency]
