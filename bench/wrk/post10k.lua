-- A POST of 10 KiB with a small answer.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

wrk.method = "POST"
wrk.path = "/post"
wrk.headers["Host"] = "bench.local"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", 10240)
