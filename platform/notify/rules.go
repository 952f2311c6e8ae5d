package notify

import "housecall/auth"

// ManageWebhooks is looking at webhooks and changing them.
const ManageWebhooks auth.Action = "webhooks.manage"

// Rules are who may do that.
var Rules = []auth.Rule{{Action: ManageWebhooks, Meaning: "see where webhooks go, and change that", Roles: []auth.Role{auth.Admin, auth.Program}}}
