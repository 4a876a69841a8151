import GRPC
import Synchronization

/// `grpc.reflection.v1` and `v1alpha`: tells clients what the services of a router are made of, so
/// that tools call them without their proto files (gRPC "GRPC Server Reflection Protocol").
///
/// ```swift
/// router.add(Greeter())
/// router.add(ReflectionService(describing: router))  // last, so that it knows all
/// ```
///
/// Generated services bring their descriptors along. A service that was registered by hand is listed;
/// what it is made of is not known, unless `Router.describe(_:by:)` has said so.
///
/// It shows every service and message to whoever can connect.
public struct ReflectionService: RPCService {
  typealias Wire = GrpcReflectionV1

  private let catalog: ReflectionCatalog

  /// Describes the services that the router has now, and reflection itself.
  public init(describing router: Router) {
    var files = Dictionary(
      uniqueKeysWithValues: router.services.map { ($0, router.file(of: $0)) })
    files[GrpcReflectionV1.ServerReflectionMethods.serverReflectionInfo.service] =
      GrpcReflectionV1.ProtoFiles.reflection
    files[GrpcReflectionV1alpha.ServerReflectionMethods.serverReflectionInfo.service] =
      GrpcReflectionV1alpha.ProtoFiles.reflection
    catalog = ReflectionCatalog(files)
  }

  public func register(in router: inout Router) {
    // The two differ by name only, so that one's messages are read and written for both.
    for method in [
      GrpcReflectionV1.ServerReflectionMethods.serverReflectionInfo,
      GrpcReflectionV1alpha.ServerReflectionMethods.serverReflectionInfo,
    ] {
      router.bidirectionalStreaming(method) {
        (
          requests: RequestStream<Wire.ServerReflectionRequest>,
          responses: ResponseWriter<Wire.ServerReflectionResponse>, _
        ) in
        var conversation = ReflectionConversation(catalog)
        for try await request in requests {
          try await responses.write(conversation.answer(request))
        }
      }
    }
    router.describe(
      GrpcReflectionV1.ServerReflectionMethods.serverReflectionInfo.service,
      by: GrpcReflectionV1.ProtoFiles.reflection)
    router.describe(
      GrpcReflectionV1alpha.ServerReflectionMethods.serverReflectionInfo.service,
      by: GrpcReflectionV1alpha.ProtoFiles.reflection)
  }
}

/// What reflection knows; the index is made with the first question, since most servers get none.
private final class ReflectionCatalog: Sendable {
  let services: [String]
  private let roots: [ProtoFile]
  private let made = Mutex<DescriptorIndex?>(nil)

  init(_ files: [String: ProtoFile?]) {
    services = files.keys.sorted()
    roots = files.values.compactMap(\.self)
  }

  var index: DescriptorIndex {
    made.withLock { made in
      if let made { return made }
      let index = DescriptorIndex(roots)
      made = index
      return index
    }
  }
}

/// One stream of questions.
private struct ReflectionConversation {
  typealias Wire = ReflectionService.Wire

  private let catalog: ReflectionCatalog
  /// Files that the client has from this stream.
  private var sent: Set<String> = []

  init(_ catalog: ReflectionCatalog) { self.catalog = catalog }

  mutating func answer(_ request: Wire.ServerReflectionRequest) -> Wire.ServerReflectionResponse {
    Wire.ServerReflectionResponse(
      validHost: request.host, originalRequest: request,
      messageResponse: answer(request.messageRequest))
  }

  private mutating func answer(_ question: Wire.ServerReflectionRequest.MessageRequest?)
    -> Wire.ServerReflectionResponse.MessageResponse
  {
    switch question {
    case .listServices?:
      return .listServicesResponse(
        .init(service: catalog.services.map { Wire.ServiceResponse(name: $0) }))
    case .fileByFilename(let name)?:
      return answer(catalog.index.files[name], "no file is called '\(name)'")
    case .fileContainingSymbol(let symbol)?:
      return answer(catalog.index.file(declaring: symbol), "no file declares '\(symbol)'")
    case .fileContainingExtension(let wanted)?:
      let file = catalog.index.file(
        declaring: DescriptorIndex.Extension(
          type: wanted.containingType, number: wanted.extensionNumber))
      return answer(
        file, "no file extends '\(wanted.containingType)' by \(wanted.extensionNumber)")
    case .allExtensionNumbersOfType(let type)?:
      guard let numbers = catalog.index.extensionNumbers(of: type) else {
        return error(.notFound, "no message is called '\(type)'")
      }
      return .allExtensionNumbersResponse(.init(baseTypeName: type, extensionNumber: numbers))
    case nil:
      return error(.invalidArgument, "the request asks nothing that this server knows")
    }
  }

  /// The file that was asked for, and those of its imports that the client has not got yet.
  private mutating func answer(_ file: ProtoFile?, _ otherwise: String)
    -> Wire.ServerReflectionResponse.MessageResponse
  {
    guard let file else { return error(.notFound, otherwise) }
    var descriptors: [[UInt8]] = []
    for each in catalog.index.closure(of: file)
    where sent.insert(each.name).inserted || each.name == file.name {
      descriptors.append(each.descriptor)
    }
    return .fileDescriptorResponse(.init(fileDescriptorProto: descriptors))
  }

  private func error(_ code: StatusCode, _ message: String)
    -> Wire.ServerReflectionResponse.MessageResponse
  {
    .errorResponse(
      .init(errorCode: Int32(truncatingIfNeeded: code.rawValue), errorMessage: message))
  }
}
