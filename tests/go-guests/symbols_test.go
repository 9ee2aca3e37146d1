package guests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/languages/go.md lists every public name of the packages that workflow code uses.
func TestEveryPublicNameIsListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(), "docs", "languages", "go.md"))
	must(t, err)
	for _, name := range []string{"workflow", "temporal", "worker"} {
		_, section, found := strings.Cut(string(text), "### Package `"+name+"`\n")
		if !found {
			t.Fatal("no section for package ", name)
		}
		section, _, _ = strings.Cut(section, "\n#")
		listed := namesIn(section)
		public := publicNames(t, "go.temporal.io/sdk/"+name)
		for _, one := range public {
			if !slices.Contains(listed, one) {
				t.Errorf("%s.%s is not listed", name, one)
			}
		}
		for _, one := range listed {
			if !slices.Contains(public, one) {
				t.Errorf("%s.%s is listed, and not there", name, one)
			}
		}
	}
}

// namesIn are the names in the first cells of a section's table.
func namesIn(section string) (names []string) {
	for _, line := range strings.Split(section, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, match := range regexp.MustCompile("`([A-Z][A-Za-z0-9]*)`").FindAllStringSubmatch(cells[1], -1) {
			names = append(names, match[1])
		}
	}
	return names
}

func publicNames(t *testing.T, path string) (names []string) {
	folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
	must(t, err)
	isSource := func(info fs.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), strings.TrimSpace(string(folder)), isSource, 0)
	must(t, err)
	add := func(name string) {
		if ast.IsExported(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, one := range packages {
		for _, file := range one.Files {
			for _, declaration := range file.Decls {
				switch d := declaration.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil {
						add(d.Name.Name)
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						switch s := spec.(type) {
						case *ast.TypeSpec:
							add(s.Name.Name)
						case *ast.ValueSpec:
							for _, name := range s.Names {
								add(name.Name)
							}
						}
					}
				}
			}
		}
	}
	if len(names) == 0 {
		t.Fatal("no public names in ", path)
	}
	slices.Sort(names)
	return names
}
