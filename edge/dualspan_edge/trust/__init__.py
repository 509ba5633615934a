"""Whether the certificate of an OPC UA server is trusted (Part 4, 6.1.3), and in plain words why not."""

from dualspan_edge.trust.anchors import TrustAnchors
from dualspan_edge.trust.chain import MOST_BYTES, first_certificate
from dualspan_edge.trust.judge import Judgement, Question, judge

__all__ = ["MOST_BYTES", "Judgement", "Question", "TrustAnchors", "first_certificate", "judge"]
