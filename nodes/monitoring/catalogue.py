"""Every kind of alert: a stable code, how grave it is, what it means, and what finds it. The table in the documents is made from here."""

from __future__ import annotations

from typing import Final

from nodes.monitoring import deadlines, watch_attempts, watch_declarations, watch_disputes, watch_money
from nodes.monitoring.findings import Detector

_TIMED: Final = (
    Detector(deadlines.APPROVAL, "medium", "an approved financing was not disbursed within the policy's days"),
    Detector(deadlines.HOLD, "low", "holds on one declaration lapse again and again without an approval"),
    Detector(deadlines.LOAN, "high", "a loan was not repaid when it was due"),
    Detector(deadlines.COLLECTION, "medium", "long after a loan was due, less is collected on its declaration than was lent on it"),
    Detector(deadlines.ENQUIRY, "low", "a bank's enquiries again and again lead to no financing"),
)

DETECTORS: Final = {
    detector.code: detector
    for detector in (
        *watch_attempts.DETECTORS,
        *watch_declarations.DETECTORS,
        *watch_disputes.DETECTORS,
        *watch_money.DETECTORS,
        *_TIMED,
    )
}
