// bench.v1.EchoService by grpc++ with the callback API: rpc-bench-server's peer.
// usage: server PORT [CERTIFICATE KEY]

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "bench/v1/echo_service.grpc.pb.h"

namespace {

std::string Contents(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Writes the same message until there are enough, then deletes itself.
class Stream final : public grpc::ServerWriteReactor<bench::v1::EchoResponse> {
 public:
  explicit Stream(const bench::v1::StreamRequest& request) : left_(request.count()) {
    response_.mutable_payload()->assign(request.response_size(), '\0');
    Next();
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(grpc::Status(grpc::StatusCode::UNKNOWN, "the client is gone"));
    }
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (left_ == 0) {
      Finish(grpc::Status::OK);
    } else {
      left_ -= 1;
      StartWrite(&response_);
    }
  }
  bench::v1::EchoResponse response_;
  uint32_t left_;
};

class EchoService final : public bench::v1::EchoService::CallbackService {
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const bench::v1::EchoRequest* request,
                                 bench::v1::EchoResponse* response) override {
    response->mutable_payload()->assign(request->response_size(), '\0');
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerWriteReactor<bench::v1::EchoResponse>* Stream(
      grpc::CallbackServerContext*, const bench::v1::StreamRequest* request) override {
    return new class Stream(*request);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::cerr << "usage: server PORT [CERTIFICATE KEY]\n";
    return 2;
  }
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (argc == 4) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({Contents(argv[3]), Contents(argv[2])});
    credentials = grpc::SslServerCredentials(options);
  }
  EchoService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], credentials, &port);
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  if (!server || port == 0) return 1;
  std::cout << "listening on 127.0.0.1:" << port << std::endl;
  server->Wait();
}
