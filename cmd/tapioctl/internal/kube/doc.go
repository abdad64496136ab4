// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package kube finds the pod of a Tapio server and connects to it through `kubectl port-forward`. It runs kubectl instead of being a
// client of Kubernetes itself, so every way to authenticate that the user's kubectl knows works here.
package kube
