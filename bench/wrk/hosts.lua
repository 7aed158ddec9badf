-- Small GETs that go round many hosts, each with a route of its own. Their number is the first argument.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests = {}
local at = 0

function init(args)
    for i = 0, tonumber(args[1]) - 1 do
        requests[#requests + 1] = wrk.format("GET", "/", { Host = "host-" .. i .. ".bench.local" })
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
