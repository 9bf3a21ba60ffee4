"""Shows the sandbox as web pages, and syncs it.

The pages: the Slack workspace, in which somebody can be changed before the next sync; Oomnitza's people and its SaaS users of
Slack; the syncs.

    with serve(home) as playground:
        playground.sandbox.oomnitza_url    # the pages are here; /api/ stays what it is

or `python -m integration_tests.playground [--port N]` (`make playground`), until Ctrl-C.
"""

from integration_tests.playground.pages import Playground, serve

__all__ = ["Playground", "serve"]
