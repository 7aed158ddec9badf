-- A GET of 1 MiB: what moving bytes costs.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

wrk.path = "/1m"
wrk.headers["Host"] = "bench.local"
