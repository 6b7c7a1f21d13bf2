# SPDX-License-Identifier: Apache-2.0
"""What a person does with kubectl, verb by verb: the rows of the table in docs/api-server.md. tests/integration/test_apiserver_verbs.py runs
them against `serin apiserver` with every kubectl that is installed; tests/kubernetes/test_differential.py runs them against a real API server,
too, and compares all that was printed. A row gets a `Kubectl` with a namespace of its own, makes what it needs, and asserts what comes out."""
import kubectl_rows_write  # noqa: F401  (in the order of the page)
import kubectl_rows_read  # noqa: F401
import kubectl_rows_change  # noqa: F401
import kubectl_rows_more  # noqa: F401
from kubectl_play import ROWS, Kubectl, installed

__all__ = ["ROWS", "Kubectl", "installed"]
