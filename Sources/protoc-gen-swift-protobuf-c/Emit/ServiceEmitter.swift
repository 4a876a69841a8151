/// Writes a service's methods, its server protocol and its client.
struct ServiceEmitter {
  let schema: SchemaService
  let types: TypeIndex
  let access: String
  let namespace: String
  /// The constant that holds the file's descriptor.
  let file: String

  private struct Method {
    let schema: SchemaService.Method
    /// The name in Swift, in backticks if need be.
    let name: String
    let request: String
    let response: String
    /// The name of the method's shape: of its kind, and of what serves and calls it.
    let shape: String
    let descriptor: String
  }

  private func methods() throws(GenerationError) -> [Method] {
    var result: [Method] = []
    for method in schema.methods {
      let shape =
        switch (method.isClientStreaming, method.isServerStreaming) {
        case (false, false): "unary"
        case (true, false): "clientStreaming"
        case (false, true): "serverStreaming"
        case (true, true): "bidirectionalStreaming"
        }
      let name = SwiftNames.escaped(SwiftNames.method(method.name))
      result.append(
        Method(
          schema: method, name: name, request: try types.swiftType(method.input),
          response: try types.swiftType(method.output), shape: shape,
          descriptor: "\(namespace).\(schema.name)Methods.\(name)"))
    }
    return result
  }

  func emit(to text: inout SourceText) throws(GenerationError) {
    let methods = try methods()
    try text.block("extension \(namespace)") { text throws(GenerationError) in
      try emitDescriptors(methods, to: &text)
      text.line()
      try emitServer(methods, to: &text)
      text.line()
      try emitClient(methods, to: &text)
    }
    text.line()
    try emitDefaults(methods, to: &text)
  }

  private func emitDescriptors(_ methods: [Method], to text: inout SourceText)
    throws(GenerationError)
  {
    text.line("/// The names and shapes of the methods of `\(schema.fullName)`.")
    try text.block("\(access) enum \(schema.name)Methods") { text throws(GenerationError) in
      for method in methods {
        text.line(
          "\(access) static let \(method.name) = MethodDescriptor(service: \"\(schema.fullName)\", "
            + "method: \"\(method.schema.name)\", kind: .\(method.shape))")
      }
      text.line()
      text.line("/// All of them, in the order of the proto file.")
      let all = methods.map(\.name).joined(separator: ", ")
      text.line("\(access) static let all: [MethodDescriptor] = [\(all)]")
    }
  }

  // MARK: Server

  private func serverSignature(_ method: Method) -> String {
    var parameters: [String] = []
    if method.schema.isClientStreaming {
      parameters.append("_ requests: RequestStream<\(method.request)>")
    } else {
      parameters.append("_ request: \(method.request)")
    }
    if method.schema.isServerStreaming {
      parameters.append("responses: ResponseWriter<\(method.response)>")
    }
    parameters.append("context: ServerContext")
    let result = method.schema.isServerStreaming ? "" : " -> \(method.response)"
    // Handlers need not say so themselves: they start on the executor of their call, without a hop.
    return "nonisolated(nonsending) func \(method.name)(\(parameters.joined(separator: ", "))) "
      + "async throws\(result)"
  }

  private func emitServer(_ methods: [Method], to text: inout SourceText) throws(GenerationError) {
    text.documentation(schema.comment)
    try text.block("\(access) protocol \(schema.name)Server: RPCService") {
      text throws(GenerationError) in
      for method in methods {
        text.documentation(method.schema.comment)
        text.line(serverSignature(method))
      }
    }
  }

  private func emitDefaults(_ methods: [Method], to text: inout SourceText)
    throws(GenerationError)
  {
    try text.block("extension \(namespace).\(schema.name)Server") {
      text throws(GenerationError) in
      try text.block("\(access) func register(in router: inout Router)") {
        text throws(GenerationError) in
        text.line("router.describe(\"\(schema.fullName)\", by: \(file))")
        for method in methods { text.line(registration(method)) }
      }
      for method in methods {
        text.line()
        text.line("/// Answers UNIMPLEMENTED.")
        try text.block("\(access) \(serverSignature(method))") { text throws(GenerationError) in
          text.line(
            "throw RPCError(.unimplemented, "
              + "\"\(schema.fullName)/\(method.schema.name) is not implemented\")")
        }
      }
    }
  }

  private func registration(_ method: Method) -> String {
    let request = method.schema.isClientStreaming ? "requests" : "request"
    let responses = method.schema.isServerStreaming ? ", responses" : ""
    let pass = method.schema.isServerStreaming ? ", responses: responses" : ""
    return "router.\(method.shape)(\(method.descriptor)) { (\(request)"
      + ": \(method.schema.isClientStreaming ? "RequestStream<\(method.request)>" : method.request)"
      + "\(responses.isEmpty ? "" : ", responses: ResponseWriter<\(method.response)>")"
      + ", context: ServerContext) in "
      + "try await self.\(method.name)(\(request)\(pass), context: context) }"
  }

  // MARK: Client

  private func emitClient(_ methods: [Method], to text: inout SourceText) throws(GenerationError) {
    text.line("/// Calls `\(schema.fullName)`. Every method throws `RPCError`.")
    text.line("///")
    text.documentation(schema.comment)
    try text.block("\(access) struct \(schema.name)Client: Sendable") {
      text throws(GenerationError) in
      text.line("private let channel: any RPCChannel")
      text.line()
      text.line("\(access) init(_ channel: any RPCChannel) { self.channel = channel }")
      for method in methods {
        text.line()
        text.documentation(method.schema.comment)
        try emitCall(method, to: &text)
      }
    }
  }

  private func emitCall(_ method: Method, to text: inout SourceText) throws(GenerationError) {
    let options = "options: CallOptions = CallOptions()"
    let head: String
    let call: String
    switch (method.schema.isClientStreaming, method.schema.isServerStreaming) {
    case (false, false):
      head =
        "(_ request: \(method.request), \(options)) async throws -> \(method.response)"
      call = "(\(method.descriptor), request, options: options)"
    case (true, false):
      head =
        "(\(options), _ send: nonisolated(nonsending) (RequestWriter<\(method.request)>) async throws -> Void) "
        + "async throws -> \(method.response)"
      call = "(\(method.descriptor), options: options, send)"
    case (false, true):
      head =
        "<Result>(_ request: \(method.request), \(options), "
        + "_ body: nonisolated(nonsending) (ResponseStream<\(method.response)>) async throws -> Result) "
        + "async throws -> Result"
      call = "(\(method.descriptor), request, options: options, body)"
    case (true, true):
      head =
        "<Result>(\(options), _ body: nonisolated(nonsending) (RequestWriter<\(method.request)>, "
        + "ResponseStream<\(method.response)>) async throws -> Result) async throws -> Result"
      call = "(\(method.descriptor), options: options, body)"
    }
    // In the caller's isolation, as the channel's own methods: bodies may use what belongs to the caller.
    try text.block("\(access) nonisolated(nonsending) func \(method.name)\(head)") {
      text throws(GenerationError) in
      text.line("try await channel.\(method.shape)\(call)")
    }
  }
}
