"""Units of measurement: UCUM codes, UNECE Recommendation 20 codes, the signs that servers show, and conversion."""

import functools
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes:
        ucum: UCUM code (case sensitive), such as "Cel".
        unece: UNECE Recommendation 20 common code, such as "CEL"; empty where it has none.
        dimension: What it measures, such as "temperature": units of one dimension convert into each other.
        factor: Value in the dimension's own unit = value × factor + offset.
        offset: See `factor`.
        signs: How servers and people write it.
    """

    ucum: str
    unece: str
    dimension: str
    factor: float
    offset: float
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversion:
    """Value in the wanted unit = value × factor + offset."""

    factor: float
    offset: float


_TABLE = """
Cel|CEL|temperature|1|0|°C ℃ degC deg.C C celsius 摄氏度 degree_Celsius ºC oC °c
[degF]|FAH|temperature|0.5555555555555556|-17.77777777777778|°F degF F fahrenheit
K|KEL|temperature|1|-273.15|K kelvin
bar|BAR|pressure|1|0|bar barg bar(g) baro bara bar(a) 巴
mbar|MBR|pressure|0.001|0|mbar hPa
MPa|MPA|pressure|10|0|MPa 兆帕
kPa|KPA|pressure|0.01|0|kPa 千帕
Pa|PAL|pressure|0.00001|0|Pa 帕
[psi]|PS|pressure|0.0689475729316836|0|psi psig psia PSI
kgf/cm2|D42|pressure|0.980665|0|kgf/cm2 kgf/cm² kg/cm2 kg/cm²
kN|B47|force|1|0|kN 千牛
N|NEW|force|0.001|0|N 牛
MN|B73|force|1000|0|MN
t.[g]|D81|force|9.80665|0|tf 吨力
mm|MMT|length|1|0|mm 毫米 millimetre
cm|CMT|length|10|0|cm 厘米
m|MTR|length|1000|0|m 米
um|4H|length|0.001|0|µm μm um 微米
[in_i]|INH|length|25.4|0|in inch "
mm/s|C16|speed|1|0|mm/s mm/sec 毫米/秒
m/s|MTS|speed|1000|0|m/s
m/min|2X|speed|16.666666666666668|0|m/min
mm/min|H81|speed|0.016666666666666666|0|mm/min
[in_i]/min||speed|0.42333333333333334|0|in/min ipm
s|SEC|time|1|0|s sec 秒 second seconds
ms|C26|time|0.001|0|ms msec 毫秒
min|MIN|time|60|0|min 分 minute minutes 分钟
h|HUR|time|3600|0|h hr hrs hour hours 小时
d|DAY|time|86400|0|d day days 天
kW|KWT|power|1|0|kW 千瓦
W|WTT|power|0.001|0|W 瓦
MW|MAW|power|1000|0|MW
[HP]|K43|power|0.7456998715822702|0|hp HP
kW.h|KWH|energy|1|0|kWh kW·h kW.h kW*h 度 千瓦时
W.h|WHR|energy|0.001|0|Wh W·h
MW.h|MWH|energy|1000|0|MWh MW·h
GJ|GV|energy|277.77777777777777|0|GJ
MJ|3B|energy|0.2777777777777778|0|MJ
kJ|KJO|energy|0.0002777777777777778|0|kJ
kvar|KVR|reactive-power|1|0|kvar kVAr kVAR
var|D44|reactive-power|0.001|0|var VAr VAR
kvar.h|K3|reactive-energy|1|0|kvarh kVArh kVARh kvar·h
var.h||reactive-energy|0.001|0|varh VArh
kV.A|KVA|apparent-power|1|0|kVA kV·A
V.A|D46|apparent-power|0.001|0|VA V·A
A|AMP|current|1|0|A 安 ampere amps Amp
mA|4K|current|0.001|0|mA
V|VLT|voltage|1|0|V 伏 volt Volts
kV|KVT|voltage|1000|0|kV
mV|2Z|voltage|0.001|0|mV
Hz|HTZ|frequency|1|0|Hz 赫兹
kHz|KHZ|frequency|1000|0|kHz
{revolution}/min|RPM|rotation|1|0|r/min rpm RPM 1/min U/min min-1 min⁻¹ 转/分 rev/min
%|P1|ratio|1|0|% pct percent 百分比 %RH
1|C62|ratio|100|0|1 -
[ppm]|59|ratio|0.0001|0|ppm
g|GRM|mass|1|0|g 克 gram
kg|KGM|mass|1000|0|kg 千克 公斤
mg|MGM|mass|0.001|0|mg
t|TNE|mass|1000000|0|t 吨
L/min|L2|flow|1|0|l/min L/min lpm LPM 升/分
L/s|G51|flow|60|0|l/s L/s
L/h||flow|0.016666666666666666|0|l/h L/h
m3/h|MQH|flow|16.666666666666668|0|m³/h m3/h Nm³/h Nm3/h cbm/h 立方米/小时
m3/min|G53|flow|1000|0|m³/min m3/min Nm³/min Nm3/min 立方米/分
m3/s|MQS|flow|60000|0|m³/s m3/s
[cft_i]/min|2L|flow|28.316846592|0|cfm CFM scfm
hL/h||flow|1.6666666666666667|0|hl/h hL/h
m3|MTQ|volume|1000|0|m³ m3 Nm³ Nm3 立方米
L|LTR|volume|1|0|l L 升 litre
cm3|CMQ|volume|0.001|0|cm³ cm3 ccm
hL|HLT|volume|100|0|hl hL
{piece}|H87|count|1|0|piece pieces pcs pc 件 个 Stk 只 瓶 bottles parts cycles 次 模
{piece}/h||rate|1|0|bottles/h piece/h pcs/h bph BPH 瓶/小时 件/小时 b/h Fl/h 1/h 瓶/时 units/h
{piece}/min||rate|60|0|bottles/min piece/min pcs/min bpm 瓶/分 ppm(parts) cpm
N.m|NU|torque|1|0|Nm N·m N.m
mN.m|D83|torque|0.001|0|mNm
g/L|GL|concentration|1|0|g/l g/L
mg/L|M1|concentration|0.001|0|mg/l mg/L
ug/L|H29|concentration|0.000001|0|µg/l μg/l ug/l µg/L ppb
mS/cm|H61|conductivity|1|0|mS/cm
uS/cm|G42|conductivity|0.001|0|µS/cm uS/cm μS/cm
S/m|D10|conductivity|10|0|S/m
{PU}||pasteurisation|1|0|PU
deg|DD|angle|1|0|° deg 度(角)
kW.min/m3||specific-power|1|0|kW/(m³/min) kW/m³/min kW/(m3/min)
kW.h/m3||specific-power|60|0|kWh/m³ kWh/m3
m/s2|MSK|acceleration|1|0|m/s² m/s2
[g]|K40|acceleration|9.80665|0|g(acc) gn
1/s|C97|per-second|1|0|1/s
"""


@functools.cache
def table() -> dict[str, Unit]:
    """All units by UCUM code."""
    units: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        ucum, unece, dimension, factor, offset, signs = line.split("|")
        units[ucum] = Unit(ucum, unece, dimension, float(factor), float(offset), tuple(signs.split()))
    return units


@functools.cache
def _signs() -> tuple[dict[str, Unit], dict[str, Unit], dict[str, Unit]]:
    """Units by sign as it is written, by sign without case where only one has it, and by UNECE code."""
    exact: dict[str, Unit] = {}
    folded: dict[str, set[str]] = {}
    for unit in table().values():
        for sign in (unit.ucum, *unit.signs):
            exact.setdefault(unicodedata.normalize("NFKC", sign), unit)
            folded.setdefault(unicodedata.normalize("NFKC", sign).casefold(), set()).add(unit.ucum)
    single = {sign: table()[next(iter(codes))] for sign, codes in folded.items() if len(codes) == 1}
    return exact, single, {unit.unece: unit for unit in table().values() if unit.unece}


@functools.lru_cache(maxsize=4096)
def recognise(sign: str, unece_code: str = "") -> Unit | None:
    """The unit that a server means; None if it is not known.

    Args:
        sign: DisplayName of its EUInformation (Part 8, 5.6.4.3), or a UCUM code.
        unece_code: UNECE code of its UnitId, where the server states one. The sign goes first: it is what people
            compared with the machine's own display, while ids are often those of another unit.
    """
    exact, single, by_code = _signs()
    text = unicodedata.normalize("NFKC", sign).strip().strip("[]()").replace(" ", "")
    return exact.get(text) or single.get(text.casefold()) or by_code.get(unece_code)


def conversion(have: Unit, want: Unit) -> Conversion | None:
    """How values in one unit become values in another; None if they measure different things."""
    if have.dimension != want.dimension:
        return None
    factor, offset = have.factor / want.factor, (have.offset - want.offset) / want.factor
    return Conversion(_tidy(factor), _tidy(offset))


def _tidy(value: float) -> float:
    """Without the last bits that come of division: 0.1 × 10 is 1."""
    return float(f"{value:.12g}")
