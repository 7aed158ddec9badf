// Everything that libpenstock offers.
#pragma once

#include <penstock/auth_callback.hpp>
#include <penstock/auth_provider.hpp>
#include <penstock/config.hpp>
#include <penstock/events.hpp>
#include <penstock/proxy_manager.hpp>
#include <penstock/result.hpp>
