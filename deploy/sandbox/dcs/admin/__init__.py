"""The admin API: inspects and changes a running simulator, with JSON and without signatures.

It shows no secret, but every client that reaches it can do everything, so it listens only where it
is configured to. Errors are 400, 404 or 405 with `{"error": "..."}`. `?project=ID` chooses a
project where there are several; without it the first one is meant.

The cloud around the tasks (`cloud.py`):

| call | body | answer |
| --- | --- | --- |
| `GET /` | | endpoint, projects, access keys, words per project |
| `GET /clock` | | `now_s`: the clock of all times below, Unix seconds |
| `GET /calls?operation=O&last=N` | | `calls`: the remembered calls, oldest first |
| `GET /counts` | | calls by operation and status, error codes, batch sizes, concurrency, locks |
| `POST /reset` | | forgets calls, faults, locks, losses and deeds, keeps migrations |
| `GET /faults` | | `faults`: those that are on, with `number` and `hits` |
| `POST /faults` | a fault or a list of them, see `faults.py` | the same with its `number` |
| `DELETE /faults`, `DELETE /faults/NUMBER` | | all or one off |
| `GET /switches`, `PATCH /switches` | switches to change, see `switches.py` | all switches |
| `GET /timing`, `PATCH /timing` | times to change, see below | all of them |
| `GET /keys` | | by key: 401s in all, in a row, the most in a row, locks, what is denied |
| `POST /keys` | `project_id`, `access_key`, `secret_key`, `security_token` | names of all keys |
| `PATCH /keys/NAME` | `reject_s` (how long its 401s take), `denied` (actions) | that key |
| `DELETE /keys/NAME` | | the key is unknown from now on |
| `GET /projects` | | tasks and losses per project |
| `POST /projects` | a project or a list of them, see `ProjectOptions` | their ids |
| `GET /listening` | | whether DCS takes connections, and how |
| `POST /listening` | `true` or `false` | whether DCS takes connections |
| `PATCH /listening` | `stalled`, `read_after_s`, see `listener.py` | as with `GET` |

The times are `lag_s`, `stop_s`, `release_after_s` of `Timing`, and `answer_s`, `lock_s`,
`forget_s`, `reject_s`, `skew_s` of `SimulatorOptions`. A project that names no key is one more of
the first project's key. A key or a project that exists is changed, and gets what is new.

The tasks (`tasks.py`):

| call | body | answer |
| --- | --- | --- |
| `GET /migrations?word=W` | | `migrations`: id, word, stops, history of each |
| `POST /migrations` | a migration or a list of them, see `MigrationSpec` | those |
| `DELETE /migrations` | | forgets all of the project, as if they had never been |
| `GET /migrations/ID` | | one of them, though DCS may not know it |
| `PATCH /migrations/ID` | fields to change, see `Fleet.alter` | the migration |
| `DELETE /migrations/ID` | | as if deleted in the cloud |
| `GET /moments?since_s=T` | | when each task terminated and that was told (since then), orders |
| `POST /writers` | `on`, and whom: `name` (a pattern), `task_ids` | `switched`: how many |
| `GET /lag?name=PATTERN` | | the true lag of each task, and what stopping all now would lose |
| `GET /losses`, `DELETE /losses` | | what each stop lost, and the sum |
| `POST /others` | an act, see `others.py` | `task_ids`: to whom it was done now |
| `GET /others` | | `done`: what others did |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.dcs.admin import cloud, tasks
from sandbox.dcs.admin.wire import BODY_BYTES_MAX, errors_as_json

if TYPE_CHECKING:
    from sandbox.dcs.simulator import Simulator


def application(simulator: Simulator) -> web.Application:
    """Return the application with all calls of the two tables above."""
    app = web.Application(middlewares=[errors_as_json], client_max_size=BODY_BYTES_MAX)
    app.add_routes(cloud.Cloud(simulator).routes())
    app.add_routes(tasks.Tasks(simulator).routes())
    return app
