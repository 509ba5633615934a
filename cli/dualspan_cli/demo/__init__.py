"""The demonstration: three simulated plants, a gateway and the whole platform on one machine."""
