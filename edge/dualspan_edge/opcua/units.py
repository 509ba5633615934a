"""UNECE common codes of units (Recommendation 20), as OPC UA carries them, and the symbols that people write."""

# The codes that plants use; a server's own DisplayName always goes first.
_SYMBOLS = {
    "C62": "1", "P1": "%", "59": "ppm", "EA": "pcs", "H87": "pcs", "PR": "pair", "DZN": "doz", "SET": "set",
    "CEL": "°C", "FAH": "°F", "KEL": "K",
    "MMT": "mm", "CMT": "cm", "DMT": "dm", "MTR": "m", "KMT": "km", "4H": "µm", "C45": "nm", "INH": "in", "FOT": "ft",
    "MMK": "mm²", "CMK": "cm²", "MTK": "m²", "MMQ": "mm³", "CMQ": "cm³", "DMQ": "dm³", "MTQ": "m³",
    "MLT": "ml", "CLT": "cl", "DLT": "dl", "LTR": "l", "HLT": "hl", "GLL": "gal (US)",
    "MC": "µg", "MGM": "mg", "GRM": "g", "KGM": "kg", "TNE": "t", "LBR": "lb", "ONZ": "oz",
    "C26": "ms", "B98": "µs", "C47": "ns", "SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d", "WEE": "wk", "ANN": "y",
    "HTZ": "Hz", "KHZ": "kHz", "MHZ": "MHz", "A86": "GHz", "RPM": "r/min", "RPS": "r/s", "2A": "rad/s",
    "C81": "rad", "DD": "°", "D61": "′", "D62": "″",
    "MTS": "m/s", "KMH": "km/h", "C16": "mm/s", "2M": "cm/s", "2X": "m/min", "H81": "mm/min", "MSK": "m/s²",
    "PAL": "Pa", "KPA": "kPa", "MPA": "MPa", "A97": "hPa", "BAR": "bar", "MBR": "mbar", "PS": "psi", "ATM": "atm",
    "NEW": "N", "B47": "kN", "B73": "MN", "NU": "N·m", "B48": "kN·m", "C56": "N/mm²",
    "JOU": "J", "KJO": "kJ", "3B": "MJ", "WHR": "W·h", "KWH": "kW·h", "MWH": "MW·h", "GWH": "GW·h",
    "WTT": "W", "KWT": "kW", "MAW": "MW", "C31": "mW", "D46": "V·A", "KVA": "kV·A", "D44": "var", "KVR": "kvar",
    "KVH": "kvar·h",
    "AMP": "A", "4K": "mA", "B84": "µA", "B22": "kA", "AMH": "A·h", "VLT": "V", "2Z": "mV", "KVT": "kV",
    "OHM": "Ω", "B49": "kΩ", "B75": "MΩ", "SIE": "S", "D33": "T", "FAR": "F", "4O": "µF", "81": "H",
    "LUX": "lx", "LUM": "lm", "CDL": "cd", "2N": "dB", "Q30": "pH",
    "23": "g/cm³", "KMQ": "kg/m³", "GL": "g/l", "M1": "mg/l",
    "MQH": "m³/h", "MQS": "m³/s", "G51": "l/s", "L2": "l/min", "E32": "l/h", "KGS": "kg/s", "E93": "kg/h",
    "C18": "mmol", "C34": "mol", "C36": "mol/m³", "D74": "kg/mol",
    "4L": "MB", "AD": "B", "A99": "bit", "E34": "GB", "2P": "kB",
}  # fmt: skip


def code_of(unit_id: int) -> str:
    """The common code in a UnitId: its letters are the number's bytes (Part 8, 5.6.4.3); empty if it has none."""
    if unit_id <= 0:
        return ""
    letters = unit_id.to_bytes(4, "big").lstrip(b"\0")
    text = letters.decode("ascii", "replace")
    return text if len(text) <= 3 and text.isascii() and text.isalnum() and text == text.upper() else ""


def symbol_of(code: str) -> str:
    """How people write a unit; the code itself where no symbol is known."""
    return _SYMBOLS.get(code, code)
