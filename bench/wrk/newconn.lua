-- A small GET on a connection of its own: accept, serve, close.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

wrk.path = "/"
wrk.headers["Host"] = "bench.local"
wrk.headers["Connection"] = "close"
