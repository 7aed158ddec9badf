// Who may speak to the API from where: the Host it is addressed by, and the Origin a browser names.
//
// Immutable once made, any thread. A web page can make its visitor's browser send requests here,
// across sites or through a DNS name that it lets point to this machine; both show in these two
// fields.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/message.hpp"

namespace penstock::control {

class AccessRules {
  public:
    /// `admin_hosts`: names beside addresses and localhost; without port, in any case.
    explicit AccessRules(const std::vector<std::string>& admin_hosts = {});

    /// 403 where the request may come from a foreign web page; empty where it may pass.
    std::optional<ApiResponse> refuse(const ApiRequest& request) const;

  private:
    bool is_own_host(std::string_view authority) const;

    std::set<std::string, std::less<>> names_;
};

}  // namespace penstock::control
