"""How a DualSpan service runs: server, interceptors, settings, database, migrations, telemetry."""
