// Command kstatus reads a JSON list of Kubernetes objects and prints, in the same order, what kstatus
// says of each: the verdict for which Flux waits.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func run(input io.Reader, output io.Writer) error {
	text, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	// Kubernetes' own decoder makes whole numbers int64, as clients of the API server see them; with
	// encoding/json's float64, kstatus would not find a generation.
	var objects []any
	if err := kubejson.Unmarshal(text, &objects); err != nil {
		return err
	}
	verdicts := make([]verdict, 0, len(objects))
	for place, object := range objects {
		fields, isObject := object.(map[string]any)
		if !isObject {
			return fmt.Errorf("item %d is no object", place)
		}
		result, err := status.Compute(&unstructured.Unstructured{Object: fields})
		if err != nil {
			return fmt.Errorf("item %d: %w", place, err)
		}
		verdicts = append(verdicts, verdict{result.Status.String(), result.Message})
	}
	return json.NewEncoder(output).Encode(verdicts)
}
