//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"path"
	"strings"
)

func (i *Invocation) java() string {
	application := ""
	for n := 1; n < len(i.Args); n++ {
		arg := i.Args[n]
		switch {
		case strings.HasPrefix(arg, "-Dspring.application.name="):
			application = arg[len("-Dspring.application.name="):]
		case arg == "-jar" && n+1 < len(i.Args):
			return orElse(application, i.jar(i.Args[n+1]))
		case (arg == "-m" || arg == "--module") && n+1 < len(i.Args):
			return bounded(orElse(application, i.Args[n+1]))
		case javaValued(arg):
			n++
		case !strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "@"):
			return orElse(application, i.mainClass(arg))
		}
	}
	return ""
}

func orElse(name, other string) string {
	if name != "" {
		return bounded(name)
	}
	return other
}

func javaValued(option string) bool {
	switch option {
	case "-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path", "--add-modules", "--add-opens", "--add-exports",
		"--add-reads", "--patch-module", "--limit-modules", "--source", "--enable-native-access":
		return true
	}
	return false
}

// jar is the name of the file without its version, which changes while the service
// stays the same.
func (i *Invocation) jar(file string) string {
	base := strings.TrimSuffix(path.Base(file), ".jar")
	for _, part := range []string{"-SNAPSHOT", ".RELEASE", "-all", "-fat", "-exec"} {
		base = strings.TrimSuffix(base, part)
	}
	if at := strings.LastIndexByte(base, '-'); at > 0 && strings.Trim(base[at+1:], "0123456789._") == "" {
		base = base[:at]
	}
	return i.qualified(path.Join(path.Dir(file), base+".jar"))
}

func (i *Invocation) mainClass(class string) string {
	switch {
	case strings.HasPrefix(class, "org.springframework.boot.loader."), strings.HasSuffix(class, ".Main"), strings.HasSuffix(class, ".Application"), class == "Main":
		return i.inFolder(class[strings.LastIndexByte(class, '.')+1:])
	case strings.HasSuffix(class, ".java"):
		return i.qualified(class)
	case class == "org.apache.catalina.startup.Bootstrap":
		for _, arg := range i.Args {
			if base, ok := strings.CutPrefix(arg, "-Dcatalina.base="); ok {
				return bounded("tomcat/" + path.Base(base))
			}
		}
		return "tomcat"
	}
	return bounded(class)
}

// declaredBy reads the properties of OpenTelemetry's Java agent.
func declaredBy(args []string) Declared {
	var d Declared
	for _, arg := range args {
		if list, ok := strings.CutPrefix(arg, "-Dotel.resource.attributes="); ok {
			d.read(list)
		}
	}
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "-Dotel.service.name="); ok {
			d.Name = bounded(name)
		}
	}
	return d
}
