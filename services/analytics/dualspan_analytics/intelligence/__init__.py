"""How machines behave: anomalies, changes, what is left until a limit, forecasts, and proof of all of them."""
