"""What clients may do to the machines of a plant: write setpoints, hold a machine, let it go on, choose what it makes.

A command takes effect after everything that was sampled before it, and not in the middle of a cycle: a machine that is
told to stop completes the cycle that is under way.
"""

from plc_sim.model.machine import SECOND, Mode
from plc_sim.model.plant import Machine, Plant
from plc_sim.model.setpoint import CYCLE_MS
from plc_sim.model.view import View
from plc_sim.model.writes import BATCH, HOLD, QUANTITY, RECIPE, Write

RESTART_US = 20 * SECOND
"""From the command to the first cycle: resetting and starting take that long."""
MOST_UNITS = 1_000_000
_CYCLE_US = CYCLE_MS * 1000


class RefusedError(Exception):
    """A command that the machine does not take in its present state; the text says why."""


class Operator:
    """Commands for the machines of one plant."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._machines = {machine.name: machine for machine in plant.machines}

    def machine(self, name: str) -> Machine | None:
        """A machine by its name."""
        return self._machines.get(name)

    def write(self, variable: str, value: float, now_us: int) -> int:
        """Write a variable; when it takes effect (µs)."""
        at = _next_cycle(now_us)
        self._plant.writes.add(Write(variable, at, value))
        return at

    def held(self, machine: Machine) -> bool:
        """Whether somebody stopped the machine and nobody has started it again."""
        holds = machine.timeline.holds
        return bool(holds) and holds[-1].end_us is None

    def stop(self, machine: Machine, now_us: int) -> int:
        """Hold the machine after its cycle; when that will be (µs).

        Raises:
            RefusedError: It is held, or goes on only later.
        """
        holds = machine.timeline.holds
        if self.held(machine):
            raise RefusedError(f"{machine.name} is stopped already")
        if holds and (holds[-1].end_us or 0) > now_us:
            raise RefusedError(f"{machine.name} is starting; wait until it runs")
        view = self._view(machine, now_us)
        at = _next_cycle(now_us)
        if bool(view.in_cycle[0]):
            # A millisecond later: the arithmetic of cycles must not lose the one that ends then.
            at = max(at, int(view.week.cycle_end[view.done[0]]) + 1000)
        self._plant.writes.add(Write(f"{machine.name}/{HOLD}", at, 1.0))
        self._plant.apply_holds(machine)
        return at

    def start(self, machine: Machine, now_us: int) -> int:
        """Let a held machine go on; when it begins its first cycle (µs).

        Raises:
            RefusedError: It is not held.
        """
        if not self.held(machine):
            raise RefusedError(f"{machine.name} is not stopped")
        at = max(_next_cycle(now_us), machine.timeline.holds[-1].start_us + 1) + RESTART_US
        self._plant.writes.add(Write(f"{machine.name}/{HOLD}", at, 0.0))
        self._plant.apply_holds(machine)
        return at

    def reset_counter(self, machine: Machine, now_us: int) -> int:
        """Begin a new batch; what the last one had made."""
        good = int(self._view(machine, now_us).good[0])
        variable = f"{machine.name}/{BATCH}"
        writes = self._plant.writes.of(variable)
        self.write(variable, float(good), now_us)
        return good - int(writes[-2].value if len(writes) > 1 else 0)

    def set_recipe(self, machine: Machine, product: int, quantity: int, now_us: int) -> int:
        """Have a held machine make another product when it goes on; when it knows (µs).

        Raises:
            RefusedError: It is not held.
        """
        if not self.held(machine):
            raise RefusedError(f"{machine.name} must be stopped before it gets another recipe")
        self.write(f"{machine.name}/{QUANTITY}", float(quantity), now_us)
        at = max(_next_cycle(now_us), machine.timeline.holds[-1].start_us)
        self._plant.writes.add(Write(f"{machine.name}/{RECIPE}", at, float(product)))
        self._plant.apply_holds(machine)
        return at

    def mode(self, machine: Machine, now_us: int) -> Mode:
        """What the machine does."""
        return Mode(int(self._view(machine, now_us).mode[0]))

    def _view(self, machine: Machine, now_us: int) -> View:
        return self._plant.view_at(machine, now_us)


def _next_cycle(now_us: int) -> int:
    """The first cycle of the PLC after everything that has been sampled."""
    return (now_us // _CYCLE_US + 1) * _CYCLE_US
