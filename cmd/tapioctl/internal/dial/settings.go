// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dial

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

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
)

// Settings is what a configuration file may hold: the flags that set where
// the server is and who asks.
type Settings struct {
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
// such files are kept. wanted reports that it must be there.
func (f *Flags) settingsFile(environ func(name string) string) (name string, wanted bool) {
	if f.ConfigFile != "" {
		return f.ConfigFile, true
	}
	if name := environ("TAPIO_CONFIG"); name != "" {
		return name, true
	}
	folder := environ("XDG_CONFIG_HOME")
	if folder == "" && environ("HOME") != "" {
		folder = filepath.Join(environ("HOME"), ".config")
	}
	if folder == "" {
		return "", false
	}
	return filepath.Join(folder, "tapioctl", "config.yaml"), false
}

// ReadSettings reads the file; none is no settings.
func (f *Flags) ReadSettings(environ func(name string) string) (Settings, error) {
	var set Settings
	name, wanted := f.settingsFile(environ)
	if name == "" {
		return set, nil
	}
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return set, nil
	}
	if err != nil {
		return set, exitcode.UsageErrorf("the configuration file: %v", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true) // a key that is mistyped must not be left out in silence
	if err := decoder.Decode(&set); err != nil && !errors.Is(err, io.EOF) {
		return set, exitcode.UsageErrorf("%s: %s: the keys are server, tls, tls-ca-cert, tls-cert, tls-key, tls-server-name, token, user, password, timeout, color and time-zone", name, yamlProblem(err))
	}
	return set, nil
}

// yamlProblem leaves out what only this program's source explains.
func yamlProblem(err error) string {
	return strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "", "\n  ", "; ", " not found in type dial.Settings", " is no key").Replace(err.Error())
}

// FillFrom takes from the file what neither a flag nor the environment sets.
func (f *Flags) FillFrom(set Settings, given func(flag string) bool) error {
	for _, text := range []struct{ to, from *string }{
		{&f.Server, &set.Server},
		{&f.TLSCACert, &set.TLSCACert},
		{&f.TLSCert, &set.TLSCert},
		{&f.TLSKey, &set.TLSKey},
		{&f.TLSServerName, &set.TLSServerName},
		{&f.Token, &set.Token},
		{&f.User, &set.User},
		{&f.Password, &set.Password},
		{&f.TimeZone, &set.TimeZone},
	} {
		if *text.to == "" {
			*text.to = *text.from
		}
	}
	if !given("tls") {
		f.TLS = set.TLS
	}
	if !given("timeout") && set.Timeout != 0 {
		f.Timeout = set.Timeout
	}
	if !given("color") && set.Color != "" {
		if err := f.Color.Set(set.Color); err != nil {
			return exitcode.UsageErrorf("the configuration file: color: %v", err)
		}
	}
	return nil
}
