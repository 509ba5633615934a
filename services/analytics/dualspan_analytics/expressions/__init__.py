"""A small language over properties, for custom KPIs and rules of states: parsed by lark, computed on columns."""
