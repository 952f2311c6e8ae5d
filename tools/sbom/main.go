// Sbom writes the software bill of materials (CycloneDX, JSON) of a Go binary to standard output, and fails when some module in it has no licence, or
// one that is not in the list below.
//
//	sbom BINARY > housecall.cdx.json
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
)

// permissive are the licences that a module may have, by their SPDX names.
var permissive = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}

// enough is how much of a module's own licence, in percent, must be known text: what else stands there may take back what the licence gives.
const enough = 75

// own are the names, without what follows a dot, of the file of a module's own licence. Lists such as LICENSE-3RD-PARTY tell of what it is tested
// with too; what is in the binary of that is looked at as a module itself.
var own = []string{"COPYING", "LICENCE", "LICENSE", "UNLICENSE"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sbom BINARY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("reading what %s was built of: %w", binary, err)
	}
	folders, err := moduleFolders()
	if err != nil {
		return err
	}
	var components []cyclonedx.Component
	var wrong []error
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		licences, err := licencesOf(folders[module.Path])
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %s: %w", module.Path, module.Version, err))
			continue
		}
		components = append(components, component(module, licences))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{BOMRef: info.Path, Type: cyclonedx.ComponentTypeApplication,
		Name: filepath.Base(info.Path), Version: info.Main.Version}}
	bom.Components = &components
	return cyclonedx.NewBOMEncoder(os.Stdout, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}

// moduleFolders are the folders of the modules that the program in the working directory is built of, by their paths.
func moduleFolders() (map[string]string, error) {
	out, err := exec.Command("go", "list", "-m", "-json", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("listing modules: %w", err)
	}
	folders := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var module struct{ Path, Dir string }
		if err := decoder.Decode(&module); err != nil {
			return nil, fmt.Errorf("listing modules: %w", err)
		}
		folders[module.Path] = module.Dir
	}
	return folders, nil
}

// licencesOf finds the licences of the module in a folder.
func licencesOf(folder string) ([]string, error) {
	if folder == "" {
		return nil, errors.New("its files are not here")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		name, _, _ := strings.Cut(strings.ToUpper(filepath.Base(file)), ".")
		if !slices.Contains(own, name) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a folder
		}
		coverage := licensecheck.Scan(text)
		if coverage.Percent < enough {
			return nil, fmt.Errorf("%s is %.0f%% of a licence that is known", filepath.Base(file), coverage.Percent)
		}
		for _, match := range coverage.Match {
			if !slices.Contains(permissive, match.ID) {
				return nil, fmt.Errorf("its licence %s is not in the list", match.ID)
			}
			found = append(found, match.ID)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("it has no licence")
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func component(module *debug.Module, licences []string) cyclonedx.Component {
	purl := "pkg:golang/" + module.Path + "@" + module.Version
	var all cyclonedx.Licenses
	for _, id := range licences {
		all = append(all, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: id}})
	}
	return cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: module.Path, Version: module.Version, PackageURL: purl,
		Licenses: &all}
}
