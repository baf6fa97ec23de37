// Package stack holds the tests of what is under deploy/ for those who run the daemon beside other services: compose.yaml
// with its Caddyfile, and kubernetes.yaml. As containers are not to be had everywhere, one test runs the services of
// compose.yaml as plain processes, with the environment, commands and configuration that stand there.
package stack
