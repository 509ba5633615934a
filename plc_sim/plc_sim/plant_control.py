"""The commands that a plant takes over the control channel."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from asyncua import ua

from plc_sim.model.alarms import Span
from plc_sim.model.overlay import Kind
from plc_sim.opcua.subscription import now_us
from plc_sim.plant_server import PlantServer

_SEVERITY, _MOST_SEVERE = 600, 1000

Arguments = dict[str, Any]
Command = Callable[[Arguments], Awaitable[dict[str, Any]]]


class PlantControl:
    """Carries out commands on one plant's server.

    Commands and their arguments (durations in seconds):
        drop_connections; restart(down_s); new_certificate(down_s); reindex_namespaces(down_s); lose_subscriptions;
        slow(delay_s, duration_s); mute(duration_s); overflow(duration_s); recover;
        bad_status(variable, duration_s, status, start_us); nan(variable, duration_s, start_us);
        alarm(machine, duration_s, severity, message);
        overlays; losses; truth(start_us, end_us); status.
    """

    def __init__(self, server: PlantServer) -> None:
        self._server = server
        self._commands: dict[str, Command] = {
            "drop_connections": self._drop,
            "restart": self._restart,
            "new_certificate": self._certificate,
            "reindex_namespaces": self._reindex,
            "lose_subscriptions": self._lose,
            "slow": self._slow,
            "mute": self._mute,
            "overflow": self._overflow,
            "recover": self._recover,
            "bad_status": self._bad_status,
            "nan": self._nan,
            "alarm": self._alarm,
            "overlays": self._overlays,
            "losses": self._losses,
            "truth": self._truth,
            "status": self._status,
        }

    async def command(self, name: str, arguments: Arguments) -> dict[str, Any]:
        """Carry out a command.

        Raises:
            ValueError: An unknown command or a wrong argument.
        """
        if name not in self._commands:
            raise ValueError(f"unknown command {name!r}; a plant knows: {', '.join(self._commands)}")
        return await self._commands[name](arguments)

    async def _drop(self, _: Arguments) -> dict[str, Any]:
        return {"connections": self._server.server.drop_connections()}

    async def _restart(self, arguments: Arguments) -> dict[str, Any]:
        await self._server.restart(float(arguments.get("down_s", 0.0)))
        return {"endpoint_url": self._server.endpoint_url}

    async def _certificate(self, arguments: Arguments) -> dict[str, Any]:
        return {"certificate_sha256": await self._server.renew_certificate(float(arguments.get("down_s", 0.0)))}

    async def _reindex(self, arguments: Arguments) -> dict[str, Any]:
        return {"namespace": await self._server.reindex_namespaces(float(arguments.get("down_s", 0.0)))}

    async def _lose(self, _: Arguments) -> dict[str, Any]:
        return {"subscriptions": await self._server.lose_subscriptions()}

    async def _slow(self, arguments: Arguments) -> dict[str, Any]:
        self._server.gate.slow_down(float(arguments["delay_s"]), float(arguments["duration_s"]))
        return {}

    async def _mute(self, arguments: Arguments) -> dict[str, Any]:
        self._server.gate.stop_answering(float(arguments["duration_s"]))
        return {}

    async def _overflow(self, arguments: Arguments) -> dict[str, Any]:
        self._server.gate.hold(float(arguments["duration_s"]))
        return {}

    async def _recover(self, _: Arguments) -> dict[str, Any]:
        self._server.gate.open()
        return {}

    async def _bad_status(self, arguments: Arguments) -> dict[str, Any]:
        status = int(arguments.get("status", ua.StatusCodes.BadSensorFailure))
        return self._disturb(arguments, "status", status)

    async def _nan(self, arguments: Arguments) -> dict[str, Any]:
        return self._disturb(arguments, "nan", 0)

    def _disturb(self, arguments: Arguments, kind: Kind, status: int) -> dict[str, Any]:
        # What was already sent cannot be changed, so a disturbance begins in the future unless it is told otherwise.
        start = int(arguments.get("start_us", now_us() + 1))
        end = start + round(float(arguments["duration_s"]) * 1e6)
        return asdict(self._server.plant.disturb(str(arguments["variable"]), kind, start, end, status))

    async def _alarm(self, arguments: Arguments) -> dict[str, Any]:
        machine = str(arguments["machine"])
        if machine not in {known.name for known in self._server.plant.machines}:
            raise ValueError(f"{self._server.plant.name} has no machine {machine!r}")
        severity = int(arguments.get("severity", _SEVERITY))
        if not 1 <= severity <= _MOST_SEVERE:
            raise ValueError("a severity is 1 to 1000")
        start = now_us() + 1
        end = start + round(float(arguments["duration_s"]) * 1e6)
        span = Span(start, end, severity, str(arguments.get("message", "Alarm on demand")))
        self._server.alarms.demand(machine, span)
        return asdict(span)

    async def _overlays(self, _: Arguments) -> dict[str, Any]:
        return {"overlays": [asdict(overlay) for overlay in self._server.plant.overlays.all()]}

    async def _losses(self, _: Arguments) -> dict[str, Any]:
        return {"losses": [asdict(loss) for loss in self._server.losses]}

    async def _truth(self, arguments: Arguments) -> dict[str, Any]:
        return asdict(self._server.plant.truth(int(arguments["start_us"]), int(arguments["end_us"])))

    async def _status(self, _: Arguments) -> dict[str, Any]:
        server = self._server
        subscriptions = server.server.subscription_service.subscriptions
        return {
            "endpoint_url": server.endpoint_url,
            "certificate_sha256": server.identity.sha256,
            "variables": len(server.plant.variables),
            "subscriptions": len(subscriptions),
            "values_sent": sum(subscription.values_sent for subscription in subscriptions.values()),
            "lost": sum(loss.count for loss in server.losses),
        }
