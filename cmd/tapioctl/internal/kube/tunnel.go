// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// Options are those of the plugin. They stand before the command, as -n means something else after it.
type Options struct {
	kubeconfig, context, cluster string
	namespace, node, pod         string
}

// AddFlags adds the options to a set of flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the Tapio server (default: the current one, else any)")
	flags.StringVar(&o.node, "node", "", "connect to the agent of this node instead of the gateway")
	flags.StringVar(&o.pod, "pod", "", "connect to this pod")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file for kubectl")
	flags.StringVar(&o.context, "context", "", "context of the kubeconfig file")
	flags.StringVar(&o.cluster, "cluster", "", "cluster of the kubeconfig file")
}

// kubectl are the arguments that every call of kubectl has.
func (o *Options) kubectl() (args []string) {
	for _, option := range [][2]string{{"kubeconfig", o.kubeconfig}, {"context", o.context}, {"cluster", o.cluster}} {
		if option[1] != "" {
			args = append(args, "--"+option[0]+"="+option[1])
		}
	}
	return args
}

// Tunnel forwards local ports to a pod. A forward that ended, because the pod did, begins again with the next connection.
type Tunnel struct {
	options *Options
	program string

	mu       sync.Mutex
	forwards map[string]*forward // by port of the pod
}

// NewTunnel returns a tunnel to the pod that the options name when it is first used. The caller closes it.
func NewTunnel(options *Options) *Tunnel {
	return &Tunnel{options: options, program: "kubectl", forwards: map[string]*forward{}}
}

// Find returns the pod as namespace/name, and the host name that its certificate must carry.
func (t *Tunnel) Find(ctx context.Context) (name, host string, err error) {
	found, err := t.find(ctx)
	if err != nil {
		return "", "", err
	}
	return found.String(), found.host(), nil
}

// Open returns a local address that leads to the port of the pod.
func (t *Tunnel) Open(ctx context.Context, port string) (address string, err error) {
	return t.OpenAt(ctx, "", port)
}

// OpenAt does so with a local port of the caller's choice, "" for any free one.
func (t *Tunnel) OpenAt(ctx context.Context, local, port string) (address string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if running := t.forwards[port]; running != nil && !running.over() {
		return running.address, nil
	}
	to, err := t.find(ctx)
	if err != nil {
		return "", err
	}
	args := append(t.options.kubectl(), "port-forward", "--namespace="+to.Metadata.Namespace, "--address=127.0.0.1", "pod/"+to.Metadata.Name, local+":"+port)
	started, err := startForward(ctx, exec.Command(t.program, args...))
	if err != nil {
		return "", unreachable("port-forward to pod %s: %v", to, err)
	}
	t.forwards[port] = started
	return started.address, nil
}

// Wait waits until the forward to the port ends.
func (t *Tunnel) Wait(ctx context.Context, port string) {
	t.mu.Lock()
	running := t.forwards[port]
	t.mu.Unlock()
	if running == nil {
		return
	}
	select {
	case <-running.ended:
	case <-ctx.Done():
	}
}

// Close ends all forwards.
func (t *Tunnel) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, running := range t.forwards {
		running.stop()
	}
	clear(t.forwards)
}

// find looks in the namespace that is named, else in the current one and then in all.
func (t *Tunnel) find(ctx context.Context) (*pod, error) {
	if t.options.pod != "" {
		return t.named(ctx)
	}
	places := [][]string{{"--namespace=" + t.options.namespace}}
	if t.options.namespace == "" {
		places = [][]string{nil, {"--all-namespaces"}}
	}
	for _, place := range places {
		text, err := t.run(ctx, append([]string{"get", "pods", "--selector=" + selectAll, "--output=json"}, place...)...)
		if err != nil {
			return nil, unreachable("look for Tapio: %v", err)
		}
		pods, err := parsePods(text)
		if err != nil {
			return nil, err
		}
		if len(pods) > 0 {
			return choose(pods, t.options.node)
		}
	}
	if t.options.namespace != "" {
		return nil, unreachable("no pod in namespace %s has the label %s: name another with -n NAMESPACE, or a pod with --pod NAME", t.options.namespace, selectAll)
	}
	return nil, unreachable("no pod has the label %s: install the Helm chart, or name a pod with --pod NAME", selectAll)
}

// named returns the pod of --pod.
func (t *Tunnel) named(ctx context.Context) (*pod, error) {
	args := []string{"get", "pods", "--field-selector=metadata.name=" + t.options.pod, "--output=json"}
	if t.options.namespace != "" {
		args = append(args, "--namespace="+t.options.namespace)
	}
	text, err := t.run(ctx, args...)
	if err != nil {
		return nil, unreachable("look for pod %s: %v", t.options.pod, err)
	}
	pods, err := parsePods(text)
	if err != nil {
		return nil, err
	}
	if len(pods) != 1 {
		return nil, unreachable("--pod %s: there is no such pod in this namespace: name it with -n NAMESPACE", t.options.pod)
	}
	return pods[0], nil
}

// run runs kubectl and returns what it prints.
func (t *Tunnel) run(ctx context.Context, args ...string) ([]byte, error) {
	text, err := exec.CommandContext(ctx, t.program, append(t.options.kubectl(), args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return nil, errors.New(complaint(string(exit.Stderr)))
	}
	return text, err
}

// complaint is what kubectl wrote for people, in one line: without the lines of its own log, such as "E1129 17:26:10.99 memcache.go:265] ...".
func complaint(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !logLine(line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "kubectl ended without a message"
	}
	return strings.Join(lines, "; ")
}

func logLine(line string) bool {
	return len(line) > 5 && strings.IndexByte("EWIF", line[0]) >= 0 && strings.Trim(line[1:5], "0123456789") == "" && line[5] == ' '
}
