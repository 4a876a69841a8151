// bench.v1.EchoService by grpc-go: rpc-bench-server's peer.
// usage: server PORT [CERTIFICATE KEY]
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	bench "bench/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

type service struct{}

func (service) Echo(_ context.Context, request *bench.EchoRequest) (*bench.EchoResponse, error) {
	return &bench.EchoResponse{Payload: make([]byte, request.ResponseSize)}, nil
}

func (service) Stream(request *bench.StreamRequest, responses bench.EchoService_StreamServer) error {
	response := &bench.EchoResponse{Payload: make([]byte, request.ResponseSize)}
	for sent := uint32(0); sent < request.Count; sent++ {
		if err := responses.Send(response); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 2 && len(os.Args) != 4 {
		log.Fatal("usage: server PORT [CERTIFICATE KEY]")
	}
	var options []grpc.ServerOption
	if len(os.Args) == 4 {
		tls, err := credentials.NewServerTLSFromFile(os.Args[2], os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(options...)
	bench.RegisterEchoServiceServer(server, service{})
	fmt.Println("listening on", listener.Addr())
	log.Fatal(server.Serve(listener))
}
