// Prints the routes of Ollama's own router, as `METHOD path`: what the gate must keep people from.
package main

import (
	"fmt"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/ollama/ollama/server"
)

func main() {
	handler, err := (&server.Server{}).GenerateRoutes()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, route := range handler.(*gin.Engine).Routes() {
		fmt.Println(route.Method, route.Path)
	}
}
