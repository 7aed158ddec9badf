-- Small GETs round so many hosts, of each step-th route of so many: the three arguments. A step of 0 is one host alone.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests = {}
local at = 0

function init(args)
    local hosts, step, routes = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
    for i = 0, hosts - 1 do
        requests[#requests + 1] = wrk.format("GET", "/", { Host = "host-" .. (i * step % routes) .. ".bench.local" })
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end
