"""From an app in the making to the App: everything of it that needs more than one source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from doctor.apps import logfiles
from doctor.apps.checkout import misspelt, relocated
from doctor.apps.joining import Assigned, Candidate
from doctor.apps.mixed import mixed_releases
from doctor.apps.topology import App
from doctor.apps.ways import binds, distinct_servers, route
from doctor.apps.world import World
from doctor.conclusions import appcode, environment, release, static
from doctor.conclusions.appcode import AppCode
from doctor.conclusions.environment import Environment
from doctor.conclusions.environment.compare import Comparison
from doctor.conclusions.release import Release
from doctor.conclusions.service import (
    config_reload,
    drift,
    not_serving,
    outlook,
    pidfile,
    placement,
    reload,
    runtimedir,
    supervision,
)
from doctor.conclusions.service.model import Service
from doctor.conclusions.static import StaticPath
from doctor.facts.value import ABSENT, Fact, Known, absent_all, computed
from doctor.hosts.base import Host, TargetKind
from doctor.servers.gunicorn import Gunicorn, Plan
from doctor.servers.nginx import limits
from doctor.servers.nginx.model import Server
from doctor.sources import lending, logs
from doctor.sources.systemd import Unit


class AppBuilder:
    """Builds one app. Every path that its files name is looked at with `mine`, the view of the app's user."""

    def __init__(
        self, world: World, candidate: Candidate, assigned: Sequence[Assigned], neighbours: Sequence[Unit]
    ) -> None:
        """`neighbours`: the units of its machine, its own among them."""
        self._world, self._host = world, world.host
        self._candidate, self._assigned, self._neighbours = candidate, assigned, neighbours
        unit = _worst_unit(candidate.units)
        self._unit: Fact[Unit] = computed(unit) if unit else ABSENT
        self._plan: Fact[Plan] = computed(world.plans[unit.name]) if unit else ABSENT
        self._own = next((g for g in candidate.gunicorns if unit and g.name == unit.name), candidate.gunicorns[0])

    def build(self) -> App:
        """All of it."""
        candidate, own = self._candidate, self._own
        code, variables = self._as_on_the_machine(
            self._code, environment.collect(self._compared, self._code.missing_variables)
        )
        log = self._log
        nginx_log = self._nginx_log(log)
        return App(
            name=candidate.name,
            units=candidate.units,
            unit=self._unit,
            service=self._service(log, code, variables),
            gunicorns=candidate.gunicorns,
            gunicorn=computed(own),
            routes=tuple(route(self._world, a, candidate) for a in self._assigned),
            binds=binds(candidate),
            listening=bool(candidate.holds),
            mixed_releases=mixed_releases(self._mine, candidate, self._assigned),
            release=self._release,
            code=code,
            environment=variables,
            static=tuple(path for server in distinct_servers(self._assigned) for path in self._static(server, code)),
            log=log,
            nginx_log=nginx_log,
            limits=limits.collect([(a.target.server, a.target.location) for a in self._assigned], nginx_log),
            resting=False,
        )

    def _service(self, log: logs.UnitLog, code: AppCode, variables: Environment) -> Service:
        """What runs it."""
        host, unit, own, units = self._host, self._unit, self._own, self._candidate.units
        return Service(
            kind=outlook.kind_of(unit),
            name=outlook.name_of(unit),
            state=outlook.state_of(unit),
            since=unit.value.exec_main_started if isinstance(unit, Known) else ABSENT,
            restarts=unit.value.restarts if isinstance(unit, Known) else ABSENT,
            ended=outlook.ending_of(unit, log),
            start=outlook.next_start_of(unit),
            changed_since_start=drift.collect(self._mine, self._plan, own),
            placement=placement.collect(self._mine, unit, own, self._release),
            reload=reload.collect(unit, own, self._release, code, variables),
            unread_config=config_reload.collect(self._mine, own),
            not_serving=not_serving.collect(own, log, host.now()),
            socket_activated=any(u.triggered_by for u in units),
            socket_removed_by_stop=runtimedir.doomed(host, units, self._candidate.gunicorns, self._neighbours),
            pid_file_problem=pidfile.collect(self._mine, unit, own),
            unsupervised=supervision.collect(host, unit, own),
            not_started_at_boot=unit.value.not_started_at_boot if isinstance(unit, Known) else ABSENT,
        )

    @cached_property
    def _mine(self) -> Host:
        """The machine as the app's user sees it."""
        own = self._own
        named = (own.logical_directory, own.directory, own.settings.config_file)
        return lending.for_app(self._host, self._unit, own.master, *named)

    @cached_property
    def _files(self) -> Host:
        """Where the files lie that the app is made of: in a repository not at the paths of the machine."""
        return self._world.repository or self._host

    @cached_property
    def _others(self) -> Sequence[Gunicorn]:
        # In a repository nothing serves.
        return () if self._host.kind is TargetKind.TREE else self._world.gunicorns

    @cached_property
    def _compared(self) -> Comparison:
        return environment.compare(self._files, self._plan, self._own.master)

    @cached_property
    def _code(self) -> AppCode:
        own, in_tree = self._own, self._host.kind is TargetKind.TREE
        directory = own.logical_directory if in_tree else release.configured(self._mine, own, self._plan)
        plan = self._plan
        pythonpath = plan.value.variables.implicit("PYTHONPATH") if isinstance(plan, Known) else ABSENT
        placed = self._world.repository or self._mine
        code = appcode.collect(placed, own, self._unit, directory, self._compared.expected, pythonpath)
        finder = self._world.finder
        if finder is None or not isinstance(self._unit, Known):
            return code
        wrong = misspelt(finder, self._unit.value, own)
        return replace(code, entry_problem=wrong) if wrong is not None else code

    @cached_property
    def _release(self) -> Release:
        served = _served_elsewhere(self._others, self._candidate)
        return release.collect(self._mine, self._own, self._plan, served, self._code.imports)

    @property
    def _log(self) -> logs.UnitLog:
        if not isinstance(self._unit, Known):
            return absent_all(logs.UnitLog)
        return logs.collect_unit(self._mine, self._unit.value, self._world.since, self._own.settings.error_log)

    def _nginx_log(self, log: logs.UnitLog) -> logs.NginxLog:
        master = self._own.master
        started = master.map(lambda it: [it.started]).or_([])
        reloaded = log.hups.map(lambda it: [it.last]).or_([])
        return logfiles.error_log(self._host, self._world.web, self._assigned, self._world.since, (*started, *reloaded))

    def _static(self, server: Server, code: AppCode) -> tuple[StaticPath, ...]:
        web, prefixes = self._world.web, self._world.prefixes[server.place]
        served_by = lending.for_nginx(self._host, web.uid, web.gids)
        return static.collect(
            served_by if self._mine.reader is None else self._mine,
            web,
            server,
            self._release.running,
            code.static_folder,
            code.static_url,
            own=prefixes.get(self._candidate.name, ()),
            others=[p for name, its in prefixes.items() if name != self._candidate.name for p in its],
            besides=lending.for_served(self._host, served_by),
        )

    def _as_on_the_machine(self, code: AppCode, variables: Environment) -> tuple[AppCode, Environment]:
        """With the places of files where they lie in the repository, if one stands in for a path of the machine."""
        repository, own = self._world.repository, self._own
        if repository is None:
            return code, variables
        named = [fact.value for fact in (own.logical_directory, own.settings.config_file) if isinstance(fact, Known)]
        named += [file.path for file in variables.files]
        if all(repository.origin(path) == path for path in named):
            return code, variables
        return relocated(code, repository.origin), relocated(variables, repository.origin)


def _worst_unit(units: Sequence[Unit]) -> Unit | None:
    """The first that is not active, or else the first."""
    down = (u for u in units if not u.active_state.is_("active"))
    return next(down, units[0] if units else None)


def _served_elsewhere(gunicorns: Iterable[Gunicorn], candidate: Candidate) -> tuple[str, ...]:
    """Directories other apps run in: code there is not a lost copy of this one."""
    own = {id(g) for g in candidate.gunicorns}
    others = (g for g in gunicorns if id(g) not in own)
    return tuple(fact.value for g in others for fact in (g.directory, g.logical_directory) if isinstance(fact, Known))
