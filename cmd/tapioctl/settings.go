// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// fileSettings is what a configuration file may hold: the flags that say where
// the server is and who asks.
type fileSettings struct {
	Server        string        `yaml:"server"`
	TLS           bool          `yaml:"tls"`
	TLSCACert     string        `yaml:"tls-ca-cert"`
	TLSCert       string        `yaml:"tls-cert"`
	TLSKey        string        `yaml:"tls-key"`
	TLSServerName string        `yaml:"tls-server-name"`
	Token         string        `yaml:"token"`
	User          string        `yaml:"user"`
	Password      string        `yaml:"password"`
	Timeout       time.Duration `yaml:"timeout"`
	Color         string        `yaml:"color"`
	TimeZone      string        `yaml:"time-zone"`
}

// settingsFile names the file: the flag, the environment, or the place where
// such files are kept. wanted says that it must be there.
func (a *app) settingsFile() (name string, wanted bool) {
	if a.flags.configFile != "" {
		return a.flags.configFile, true
	}
	if name := a.environ("TAPIO_CONFIG"); name != "" {
		return name, true
	}
	folder := a.environ("XDG_CONFIG_HOME")
	if folder == "" && a.environ("HOME") != "" {
		folder = filepath.Join(a.environ("HOME"), ".config")
	}
	if folder == "" {
		return "", false
	}
	return filepath.Join(folder, "tapioctl", "config.yaml"), false
}

// readSettings reads the file; none is no settings.
func (a *app) readSettings() (fileSettings, error) {
	var set fileSettings
	name, wanted := a.settingsFile()
	if name == "" {
		return set, nil
	}
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return set, nil
	}
	if err != nil {
		return set, usageErrorf("the configuration file: %v", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true) // a key that is mistyped must not be left out in silence
	if err := decoder.Decode(&set); err != nil && !errors.Is(err, io.EOF) {
		return set, usageErrorf("%s: %s: the keys are server, tls, tls-ca-cert, tls-cert, tls-key, tls-server-name, token, user, password, timeout, color and time-zone", name, yamlProblem(err))
	}
	return set, nil
}

// yamlProblem leaves out what only this program's source explains.
func yamlProblem(err error) string {
	return strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "", "\n  ", "; ", " not found in type main.fileSettings", " is no key").Replace(err.Error())
}

// fillFrom takes from the file what neither a flag nor the environment says.
func (f *globalFlags) fillFrom(set fileSettings, given func(flag string) bool) error {
	for _, text := range []struct{ to, from *string }{
		{&f.server, &set.Server},
		{&f.tlsCACert, &set.TLSCACert},
		{&f.tlsCert, &set.TLSCert},
		{&f.tlsKey, &set.TLSKey},
		{&f.tlsServerName, &set.TLSServerName},
		{&f.token, &set.Token},
		{&f.user, &set.User},
		{&f.password, &set.Password},
		{&f.timeZone, &set.TimeZone},
	} {
		if *text.to == "" {
			*text.to = *text.from
		}
	}
	if !given("tls") {
		f.tls = set.TLS
	}
	if !given("timeout") && set.Timeout != 0 {
		f.timeout = set.Timeout
	}
	if !given("color") && set.Color != "" {
		if err := f.color.Set(set.Color); err != nil {
			return usageErrorf("the configuration file: color: %v", err)
		}
	}
	return nil
}
