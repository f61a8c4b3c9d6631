"""Declarations: registered, amended, void, and replaced by others that take on all that was used."""

from __future__ import annotations

from tests.contracts.model.base import Base, Signed, no, scaled, telling


class Declarations(Base):
    """What the registrar says of them."""

    @telling
    def register(self, signed: Signed, d: str, ppm: int, until: int, replaces: list[tuple[str, int]]) -> None:
        no("not-permitted", signed.by != self.registrar)
        self.may_start(signed.by)
        no("already-registered", d in self.declarations)
        if replaces:
            for old, _ in replaces:
                no("unknown-declaration", old not in self.declarations)
                no("replaced", self.declarations[old]["replaced"])
            no("malformed", ppm != min(self.declarations[old]["ppm"] for old, _ in replaces))
        else:
            no("malformed", ppm > self.policy["ceiling_ppm"])
        self.declarations[d] = {"ppm": ppm, "until": until, "capacity": 1_000_000, "void": False, "replaced": None}
        for old, ratio in replaces:
            self.carry(old, d, ratio)

    def carry(self, old: str, new: str, ratio: int) -> None:
        """All lines and collections move, and so do the orders that freeze."""
        self.carry_lines(old, new, ratio)
        self.carry_collections(old, new, ratio)
        for order in self.orders.values():
            if order["target"] == ("declaration", old):
                order["target"] = ("declaration", new)
        self.declarations[old]["replaced"] = (new, ratio)

    def carry_lines(self, old: str, new: str, ratio: int) -> None:
        for f, _, line in self.lines_on(old):
            if line["held"] + line["drawn"] + line["lost"] and self.state(f) != "EXPIRED":
                self.financings[f]["flags"].add("MOVED")
            for field in ("held", "was", "drawn", "lost"):
                line[field] = scaled(line[field], ratio)
            line["was"] = max(line["was"], line["held"] + line["drawn"] + line["lost"])
            line["d"] = new

    def carry_collections(self, old: str, new: str, ratio: int) -> None:
        for collection in self.collections.values():
            if collection["d"] == old:
                collection["share"] = scaled(collection["share"], ratio)
                collection["unused"] = scaled(collection["unused"], ratio)
                collection["d"] = new

    def changeable(self, signed: Signed, d: str) -> None:
        no("unknown-declaration", d not in self.declarations)
        no("not-permitted", signed.by != self.registrar)
        no("replaced", self.declarations[d]["replaced"])

    @telling
    def amend(self, signed: Signed, d: str, capacity: int) -> None:
        self.changeable(signed, d)
        no("void", self.declarations[d]["void"])
        self.declarations[d]["capacity"] = capacity

    @telling
    def void(self, signed: Signed, d: str, successor: tuple[str, int] | None) -> None:
        self.changeable(signed, d)
        no("void", self.declarations[d]["void"] and successor is None)
        if successor is not None:
            new, ratio = successor
            no("malformed", new == d)
            no("unknown-declaration", new not in self.declarations)
            it = self.declarations[new]
            no("replaced", it["replaced"])
            no("void", it["void"])
            it["ppm"] = min(it["ppm"], self.declarations[d]["ppm"])
            self.carry(d, new, ratio)
        self.declarations[d]["void"] = True
