package main

import "housecall/platform/module"

// modules are the services beside the visits, one line each. Every command that needs their tables, rules or words is given these.
var modules []module.Module
