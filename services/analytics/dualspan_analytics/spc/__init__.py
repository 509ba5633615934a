"""Statistical process control: charts, rules and capability. No I/O."""
