"""Machines and their signals as functions of (seed, time): nothing here keeps state or does I/O."""
