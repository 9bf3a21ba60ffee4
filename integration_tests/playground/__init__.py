"""Pages over the sandbox, for people to look at: the people of Oomnitza, its SaaS users of Slack, the syncs, and the Slack
workspace, in which somebody can be changed before the next sync.

    playground = Playground(home)
    with Sandbox(people=250, pages=playground.pages) as sandbox:
        sandbox.oomnitza_url    # the pages are here; /api/ stays what it is

or `python -m integration_tests.playground [--port N]` (`make playground`), until Ctrl-C.
"""

from integration_tests.playground.pages import Playground

__all__ = ["Playground"]
