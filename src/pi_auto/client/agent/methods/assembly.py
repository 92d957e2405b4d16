"""Puts the direct methods of one agent together: what the fleet may have this device do."""

from __future__ import annotations

from collections.abc import Callable

from pi_auto.client.agent.methods.check_update import check_update
from pi_auto.client.agent.methods.diagnostics import Diagnostics
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.methods.identify import identify
from pi_auto.client.agent.methods.log_level import LogLevel
from pi_auto.client.agent.methods.reboot import Reboot, runtime_folder
from pi_auto.client.agent.methods.restart import restart
from pi_auto.client.agent.telling import Telling
from pi_auto.client.clock import read_clock
from pi_auto.client.settings import Settings
from pi_auto.wire import methods


def methods_of(
    settings: Settings, telling: Telling, diagnostics: Diagnostics, log_level: LogLevel,
    stop: Callable[[], None], look_for_update: Callable[[], None],
) -> Methods:  # fmt: skip
    """All of them; `stop` ends the agent, `look_for_update` has its errands ask for one."""
    return Methods(
        {
            methods.RESTART: restart(stop),
            methods.REBOOT: Reboot(settings.agent_folder, runtime_folder(), read_clock).method,
            methods.IDENTIFY: identify(settings.capture_folder, telling),
            methods.CHECK_UPDATE: check_update(look_for_update),
            methods.DIAGNOSTICS: diagnostics.method,
            methods.SET_LOG_LEVEL: log_level.method,
        }
    )
