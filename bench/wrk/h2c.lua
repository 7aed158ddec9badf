-- The small GET of plain.lua, to a route whose backend is spoken to over HTTP/2.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

wrk.path = "/"
wrk.headers["Host"] = "h2c.bench.local"
