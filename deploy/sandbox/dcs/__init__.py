"""A strict, stateful simulator of DCS: the migration calls of the cloud service on this machine.

As a process (`deploy/` on `PYTHONPATH`; prints one line of JSON when it listens):

    python -m sandbox.dcs --listen 127.0.0.1:0 --running 120 --stop-seconds 3 --admin 127.0.0.1:0

In a test, on a free port, in the event loop of the test:

    from sandbox.dcs import Fault, FaultKind, MigrationSpec, simulate

    async with simulate(running=3, stop_s=0.2) as dcs:
        dcs.endpoint                                   # "http://127.0.0.1:40123"
        dcs.project                                    # project_id, access_key, secret_key
        dcs.fleet.add(MigrationSpec(task_id="5130d57f-640a-435b-bc3a-0fb1860a5340"))
        [one.spec.task_id for one in dcs.fleet]        # ids, with .word, .accepted_at_s, ...
        dcs.fleet.alter(task_id, {"word": "FAILED"})   # any field of a spec
        dcs.faults.add(Fault(kind=FaultKind.THROTTLE, operation="list", times=2))
        dcs.calls.count("batch_stop", 200), dcs.calls.sizes(), dcs.calls.of("list")
        dcs.switch(stop_again="failed")                # another answer to an open question
        dcs.reset()                                    # calls, faults and locks forgotten
        await dcs.hang_up(), await dcs.listen()        # connection refused, and back again
        await dcs.listener.stall(), await dcs.listener.resume()  # connections cannot be made

        wave = dcs.fleet.choose("wave1-*")             # by a pattern of names
        dcs.fleet.write(on=False, chosen=wave)         # their writers stop writing
        lag.figures(wave[0], dcs.fleet.advance())      # the true lag, what a stop would lose
        dcs.fleet.losses.keys                          # what all stops lost
        dcs.others.do(Act(act="restart", name="wave1-*", after_s=5))  # acts of other people
        dcs.keys.most_in_a_row, dcs.keys.standing("AK").locks         # 401s of keys
        moments.task_moments(wave[0])                  # when it terminated, when that was told

Open questions about the real service are switches with a stated default: `switches.py`. Faults:
`faults.py`. What other people do: `others.py`. How the lag develops: `lag.py`. The admin API of the
process: `admin/__init__.py`. The settings of a migration: `MigrationSpec` in `migration.py`.

Several projects: `Simulator(SimulatorOptions(projects=(ProjectOptions(...), ...)))`. Equal seeds
and an equal clock give equal ids, lags, faults, deeds and request ids.
"""

from sandbox.dcs.faults import Fault, FaultKind
from sandbox.dcs.fleet import Fleet, Timing
from sandbox.dcs.migration import FOREVER, Migration, MigrationSpec
from sandbox.dcs.others import Act, Others
from sandbox.dcs.population import project_ids, task_ids
from sandbox.dcs.simulator import (
    ACCESS_KEY,
    PROJECT_ID,
    REDIS_PASSWORD,
    SECRET_KEY,
    ProjectOptions,
    Simulator,
    SimulatorOptions,
    simulate,
)
from sandbox.dcs.switches import Switches

__all__ = [
    "ACCESS_KEY",
    "FOREVER",
    "PROJECT_ID",
    "REDIS_PASSWORD",
    "SECRET_KEY",
    "Act",
    "Fault",
    "FaultKind",
    "Fleet",
    "Migration",
    "MigrationSpec",
    "Others",
    "ProjectOptions",
    "Simulator",
    "SimulatorOptions",
    "Switches",
    "Timing",
    "project_ids",
    "simulate",
    "task_ids",
]
