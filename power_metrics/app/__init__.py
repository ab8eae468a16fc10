"""The application in the browser: ``powerenvs app``. Explore worlds, play them, watch results.

`server` answers a page that is in ``static``; long work is done by processes of `workers`, which run the jobs of
`jobs`. Nothing is kept in the server but files that were saved: a page sends all that an answer depends on.
"""
