import GRPC

/// A message that is its UTF-8.
struct Text: WireMessage, Equatable, ExpressibleByStringLiteral {
  var text: String

  init(_ text: String) { self.text = text }
  init(stringLiteral value: String) { text = value }

  struct NotText: Error {}

  init(wireBytes: [UInt8]) throws {
    guard let text = String(validating: wireBytes, as: UTF8.self) else { throw NotText() }
    self.text = text
  }

  func wireBytes() throws -> [UInt8] {
    if text == "unwritable" { throw NotText() }
    return Array(text.utf8)
  }
}

/// A message that is any bytes.
struct Blob: WireMessage, Equatable {
  var bytes: [UInt8]
  init(count: Int) { bytes = [UInt8](repeating: 7, count: count) }
  init(wireBytes: [UInt8]) { bytes = wireBytes }
  func wireBytes() -> [UInt8] { bytes }
}

enum Methods {
  static let unary = MethodDescriptor(service: "test.v1.Echo", method: "Once", kind: .unary)
  static let join = MethodDescriptor(
    service: "test.v1.Echo", method: "Join", kind: .clientStreaming)
  static let split = MethodDescriptor(
    service: "test.v1.Echo", method: "Split", kind: .serverStreaming)
  static let chat = MethodDescriptor(
    service: "test.v1.Echo", method: "Chat", kind: .bidirectionalStreaming)
}

/// What a test's service may throw that is no `RPCError`.
struct SecretTrouble: Error {
  let password = "hunter2"
}

/// One method of each shape.
struct EchoService: RPCService {
  func register(in router: inout Router) {
    router.unary(Methods.unary) { (request: Text, _) in Text("<\(request.text)>") }
    router.clientStreaming(Methods.join) { (requests: RequestStream<Text>, _) in
      var all: [String] = []
      for try await request in requests { all.append(request.text) }
      return Text(all.joined(separator: "+"))
    }
    router.serverStreaming(Methods.split) { (request: Text, responses: ResponseWriter<Text>, _) in
      for part in request.text.split(separator: "+") {
        try await responses.write(Text(String(part)))
      }
    }
    router.bidirectionalStreaming(Methods.chat) {
      (requests: RequestStream<Text>, responses: ResponseWriter<Text>, _) in
      for try await request in requests { try await responses.write(Text("<\(request.text)>")) }
    }
  }
}
