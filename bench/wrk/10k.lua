-- A GET of 10 KiB: a usual page or API answer.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

wrk.path = "/10k"
wrk.headers["Host"] = "bench.local"
