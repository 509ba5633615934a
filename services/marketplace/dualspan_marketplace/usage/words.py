"""What statements say, in their languages."""

from collections.abc import Mapping
from enum import Enum

from dualspan_marketplace.usage.comparison import Doubt
from dualspan_marketplace.usage.lines import Kind
from dualspan_marketplace.usage.model import Dimension


class Language(Enum):
    """Languages of statements, as HTML names them."""

    EN = "en"
    ZH = "zh-Hans"


_WORDS: Mapping[str, tuple[str, str]] = {
    "statement": ("Monthly statement", "月度账单"),
    "number": ("Number", "编号"),
    "open": ("not closed yet", "尚未结账"),
    "enterprise": ("Enterprise", "企业"),
    "month": ("Month", "账期"),
    "closed": ("Closed", "结账时间"),
    "total": ("Total", "合计"),
    "nothing": ("nothing to pay", "无应付款"),
    "zone": (
        "Months and times are those of {zone}; usage is counted by hours of UTC.",
        "账期与时间按 {zone} 时区；用量按 UTC 小时计量。",
    ),
    "lines": ("Usage and amounts", "用量与金额"),
    "earlier": ("Corrections and adjustments", "更正与调整"),
    "comparisons": ("Before the app and with it", "使用应用前后对比"),
    "kind": ("Kind", "类型"),
    "subscription": ("Subscription", "订阅"),
    "plan": ("Plan", "套餐"),
    "dimension": ("What", "项目"),
    "quantity": ("Quantity", "数量"),
    "unit": ("Unit", "单位"),
    "price": ("Unit price", "单价"),
    "amount": ("Amount", "金额"),
    "about": ("About", "所属账期"),
    "reason": ("Reason", "原因"),
    "kpi": ("KPI", "指标"),
    "before": ("Before", "使用前"),
    "after": ("With it", "使用后"),
    "when": ("When", "时间段"),
    "value": ("Value", "数值"),
    "good": ("Good data", "有效数据"),
    "rounding": (
        (
            "Each amount is quantity times unit price, exact, rounded once to the currency's smallest unit, halves away"
            " from zero. A correction is what its month comes to now, less what statements have said of it before."
        ),
        "每行金额为数量乘以单价的精确值，仅一次舍入到货币最小单位（四舍五入）。更正金额为该账期当前应计与已出账之差。",
    ),
    "no-cause": (
        "The values stand beside each other. What the difference comes from, this statement does not say.",
        "两个数值仅并列展示，本账单不说明差异由何引起。",
    ),
    "not-included": ("costs nothing in this plan", "本套餐不计费"),
}
_DIMENSIONS: Mapping[Dimension, tuple[str, str]] = {
    Dimension.RUNNING_HOURS: ("Running time", "运行时长"),
    Dimension.ASSET_HOURS: ("Asset hours", "资产时长"),
    Dimension.READ_REQUESTS: ("Reads", "读取次数"),
    Dimension.READ_SAMPLES: ("Samples read", "读取样本数"),
    Dimension.CPU_HOURS: ("Processor hours", "CPU 时长"),
    Dimension.MEMORY_HOURS: ("Memory", "内存占用"),
}
_KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.USAGE: ("Usage", "用量"),
    Kind.CORRECTION: ("Correction", "更正"),
    Kind.ADJUSTMENT: ("Adjustment", "调整"),
}
_UNITS: Mapping[str, tuple[str, str]] = {
    "h": ("h", "小时"),
    "mo": ("month", "月"),
    "GiB.h": ("GiB h", "GiB·小时"),
    "reads": ("reads", "次"),
    "samples": ("samples", "个"),
    "": ("", ""),
}
_DOUBTS: Mapping[Doubt, tuple[str, str]] = {
    Doubt.NONE: ("", ""),
    Doubt.NOT_ASKED: (
        "Not computed: analytics did not answer before the statement was closed.",
        "未计算：结账前分析服务未响应。",
    ),
    Doubt.UNKNOWN: ("Not comparable: one of the values is not known.", "不可对比：其中一个数值未知。"),
    Doubt.FEW_DATA: (
        "Not good enough to compare: less than 80 % of the time has good data.",
        "数据不足以对比：有效数据不足 80 %。",
    ),
    Doubt.SHORT: (
        "Not good enough to compare: the app has run for less than 7 days of the month.",
        "数据不足以对比：本账期内应用运行不足 7 天。",
    ),
}


def say(language: Language, key: str, **values: str) -> str:
    """Words of a language."""
    return _of(language, _WORDS[key]).format(**values)


def dimension(language: Language, given: Dimension | None) -> str:
    """A dimension; nothing for none."""
    return _of(language, _DIMENSIONS[given]) if given else ""


def kind(language: Language, given: Kind) -> str:
    """What a line is."""
    return _of(language, _KINDS[given])


def unit(language: Language, given: str) -> str:
    """A unit."""
    return _of(language, _UNITS[given])


def doubt(language: Language, given: Doubt) -> str:
    """Why two values should not be compared."""
    return _of(language, _DOUBTS[given])


def _of(language: Language, both: tuple[str, str]) -> str:
    return both[1] if language is Language.ZH else both[0]
