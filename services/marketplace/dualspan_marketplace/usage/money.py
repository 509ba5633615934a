"""Money: whole numbers of a currency's minor unit, rounded once for each line."""

_MICROS = 1_000_000
# ISO 4217: how many decimals the minor unit has, where it is not two.
_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def decimals(currency: str) -> int:
    """Decimals of a currency's minor unit (ISO 4217): 2 for CNY, 0 for JPY, 3 for KWD."""
    return _DECIMALS.get(currency, 2)


def amount(quantity: int, unit_size: int, price_micros: int, currency: str) -> int:
    """What a quantity costs, in minor units: exact, then rounded to the nearest, halves away from zero.

    Args:
        quantity: In the smallest unit; negative where something is taken back.
        unit_size: So many of it are what the price is for.
        price_micros: Millionths of the currency's unit.
        currency: ISO 4217.
    """
    numerator = abs(quantity) * price_micros * 10 ** decimals(currency)
    denominator = unit_size * _MICROS
    rounded = (2 * numerator + denominator) // (2 * denominator)
    return rounded if quantity >= 0 else -rounded


def shown(minor_units: int, currency: str) -> str:
    """An amount for people, such as `-12.50`."""
    places = decimals(currency)
    whole, part = divmod(abs(minor_units), 10**places)
    sign = "-" if minor_units < 0 else ""
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"


def price_shown(price_micros: int) -> str:
    """A price for people: all its decimals, two at least."""
    whole, part = divmod(price_micros, _MICROS)
    fraction = f"{part:06d}".rstrip("0")
    return f"{whole}.{fraction:0<2}"
