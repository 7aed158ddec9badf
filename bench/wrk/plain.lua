-- A small GET: 128 bytes come back. What a proxy costs by itself.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

wrk.path = "/"
wrk.headers["Host"] = "bench.local"
