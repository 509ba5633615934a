"""What a report says, in its languages."""

from collections.abc import Callable, Mapping

from dualspan_analytics.reports.model import Language, Period, SectionKind, Text

PERIODS = {Period.DAILY: "daily", Period.SHIFT: "by-shift", Period.MONTHLY: "monthly"}
SECTIONS = {
    SectionKind.OEE: "oee",
    SectionKind.LOSSES: "losses",
    SectionKind.ENERGY: "energy",
    SectionKind.ALARMS: "alarms",
    SectionKind.SPC: "spc",
    SectionKind.COMPLETENESS: "completeness",
}
_WORDS: Mapping[str, tuple[str, str]] = {
    # What it is.
    "daily": ("Daily report", "日报"),
    "by-shift": ("Shift report", "班次报告"),
    "monthly": ("Monthly report", "月报"),
    "oee": ("Overall equipment effectiveness (ISO 22400-2)", "设备综合效率 OEE（ISO 22400-2）"),
    "losses": ("Losses", "停机损失"),
    "energy": ("Energy", "能耗"),
    "alarms": ("Alarms (ISA-18.2)", "报警（ISA-18.2）"),
    "spc": ("Statistical process control", "统计过程控制 SPC"),
    "completeness": ("Completeness of the data", "数据完整性"),
    "period": ("Period", "统计周期"),
    "scope": ("Scope", "范围"),
    "everything": ("all assets", "全部资产"),
    "made": ("Made", "生成时间"),
    "zone": ("Times are those of {zone}.", "时间均为 {zone} 时区。"),
    # Columns.
    "machine": ("Machine", "设备"),
    "shift": ("Shift", "班次"),
    "availability": ("Availability", "可用率"),
    "effectiveness": ("Effectiveness", "性能率"),
    "quality": ("Quality ratio", "合格率"),
    "oee-short": ("OEE", "OEE"),
    "good-data": ("Good data", "有效数据"),
    "reason": ("Reason", "原因"),
    "stops": ("Stops", "次数"),
    "hours": ("Hours", "时长（小时）"),
    "share": ("Share", "占比"),
    "cumulative": ("Cumulative", "累计"),
    "energy-kwh": ("Energy (kWh)", "电能（kWh）"),
    "per-unit": ("kWh per unit", "单件电耗（kWh）"),
    "units": ("Units", "产量"),
    "total": ("Total", "合计"),
    "measure": ("Measure", "指标"),
    "value": ("Value", "数值"),
    "advised": ("Advised at most", "建议上限"),
    "alarm": ("Alarm", "报警"),
    "times": ("Times", "次数"),
    "chart": ("Chart", "控制图"),
    "points": ("Points", "点数"),
    "violations": ("Rules broken", "违反判异准则"),
    "cpk": ("Cpk", "Cpk"),
    "properties": ("Properties", "属性数"),
    "samples": ("Samples", "样本数"),
    "good-mean": ("Good on average", "平均有效率"),
    "good-least": ("Good at least", "最低有效率"),
    "worst": ("Worst property", "最差属性"),
    # Sentences.
    "oee-by-machine": ("OEE by machine", "各设备 OEE"),
    "loss-hours": ("Time lost by reason", "各原因损失时间"),
    "energy-by-machine": ("Energy by machine", "各设备电能"),
    "top-alarms": ("Most frequent alarms", "最频繁的报警"),
    "no-data": ("There is no data for this section: {why}", "本节无数据：{why}"),
    "no-machines": ("nothing ran in a shift, or no machine has states.", "该周期内没有班次，或没有设备定义状态。"),
    "no-losses": ("no stop was found.", "未发现停机。"),
    "no-alarms": ("no alarm came.", "未出现报警。"),
    "no-charts": ("no control chart is defined for these assets.", "这些资产未定义控制图。"),
    "no-properties": ("no property is bound to a tag.", "没有属性绑定到测点。"),
    "skipped": (
        "Left out, since nothing says what their states are: {machines}.",
        "以下设备未定义状态，未计入：{machines}。",
    ),
    "loss-share": (
        "{share} of the time in shifts has good data; what is not known is no loss here.",
        "班次时间中有效数据占 {share}；未知时间不计为损失。",
    ),
    "whole-enterprise": ("These figures are of the whole enterprise.", "以下数字为整个企业。"),
    "flood": (
        "{floods} alarm floods; {share} of the time was in one.",
        "报警泛滥 {floods} 次，占时间的 {share}。",
    ),
    "doubtful": ("{what}: {why}", "{what}：{why}"),
    "cannot": ("{what} cannot be computed: {why}", "{what} 无法计算：{why}"),
    "cannot-others": ("Left out for such reasons as well: {machines}.", "以下设备因类似原因同样未计入：{machines}。"),
    "rows-others": (
        "{count} further rows are not shown; ask for fewer assets.",
        "另有 {count} 行未列出；请缩小资产范围。",
    ),
    "bars-others": ("The chart shows the first ones; there are {count} others.", "图中仅列前若干项，另有 {count} 项。"),
    "doubts-others": (
        "{count} further figures are doubtful for other reasons; `dualspan analytics kpi query` shows each.",
        "另有 {count} 个数字因其他原因存疑；可用 `dualspan analytics kpi query` 逐个查看。",
    ),
    "and-others": ("{first} and {count} others", "{first} 等，另有 {count} 项"),
    "charts-not-drawn": (
        "{count} further control charts are not drawn here; ask for fewer assets.",
        "另有 {count} 张控制图未绘制；请缩小资产范围。",
    ),
    "operators": ("Alarms are shared by so many operators: {operators}.", "分担报警的操作员人数：{operators}。"),
    "gaps": (
        "Samples that are known to be missing count as not good.",
        "已知缺失的样本按无效计。",
    ),
}


def speaker(language: Language) -> Callable[[Text], str]:
    """Turns text into words of a language; what no language has stands as it is."""
    place = 1 if language is Language.ZH else 0

    def words(text: Text) -> str:
        if isinstance(text, str):
            return text
        return _WORDS[text.key][place].format(**{name: words(value) for name, value in text.values})

    return words


def keys() -> frozenset[str]:
    """Every key that there are words for."""
    return frozenset(_WORDS)
