"""Alarms by ISA-18.2: rules, their evaluation in columns, the states of an alarm, its measures; no I/O."""
